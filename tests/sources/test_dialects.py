"""The STAR layout lands as documents: who spoke, what was looked up, how it ended."""

from __future__ import annotations

import gzip
import json

import pytest

from touchstone.sources import dialects
from touchstone.sources.dialects import Dialect, converted, register
from touchstone.sources.reasons import Refused

DIALOGUE = {
    "DialogueID": 7,
    "AnonymizedUserWorkerID": "user-1",
    "AnonymizedWizardWorkerID": "wizard-1",
    "BatchID": "b",
    "CompletionLevel": "Complete",
    "Scenario": {"Domains": ["bank", None, "ride"], "Happy": True, "MultiTask": True},
    "UserQuestionnaire": [{"Question": "Done?", "Answer": True}],
    "Events": [
        {"Agent": "UserGuide", "Action": "instruct", "Text": "Be kind", "UnixTime": 1589375664},
        {"Agent": "User", "Action": "utter", "Text": "My balance?", "UnixTime": 1589375697},
        {"Agent": "Wizard", "Action": "query", "APIName": "bank_balance", "UnixTime": 1589375700},
        {"Agent": "KnowledgeBase", "Action": "return_item", "APIName": "bank_balance", "Item": {}},
        {"Agent": "Wizard", "Action": "request_suggestions", "Text": "draft", "UnixTime": 1589375701},
        {
            "Agent": "Wizard",
            "Action": "pick_suggestion",
            "ActionLabel": "tell",
            "Text": "It is 5.",
            "UnixTime": 1589375702,
        },
        {"Agent": "Wizard", "Action": "utter", "Text": "Bye", "UnixTime": 1589375703},
        {"Agent": "User", "Action": "complete", "UnixTime": 1589375704},
    ],
}


def test_a_dialogue_becomes_a_document():
    document = converted(DIALOGUE)
    assert [
        (message["message_id"], message["actor"], message["actor_id"], message["text"], message.get("tool_calls"))
        for message in document["messages"]
    ] == [
        ("1", "customer", "user-1", "My balance?", None),
        ("5", "human_agent", "wizard-1", "It is 5.", [{"name": "bank_balance", "status": "ok"}]),
        ("6", "human_agent", "wizard-1", "Bye", None),
    ]
    assert document["messages"][1]["attributes"] == {"action": "pick_suggestion", "action_label": "tell"}
    header = {name: document[name] for name in ("interaction_id", "topic", "status", "closed_at", "customer_id")}
    assert header == {
        "interaction_id": "7",
        "topic": "bank+ride",
        "status": "closed",
        "closed_at": "2020-05-13T13:15:04.000000Z",
        "customer_id": "user-1",
    }
    assert document["attributes"]["dialect"] == "star"


def test_a_dialogue_that_broke_off_is_open():
    document = converted({**DIALOGUE, "CompletionLevel": "DisconnectDuringDialogue", "Events": DIALOGUE["Events"][:1]})
    assert (document["status"], document["closed_at"], document["messages"]) == ("open", None, [])
    assert document["started_at"] == "2020-05-13T13:14:24.000000Z"


def test_a_record_that_only_has_the_keys_is_refused():
    with pytest.raises(Refused) as caught:
        converted({"DialogueID": 1, "Events": [{}]})
    assert caught.value.code == "dialect_malformed"


def test_a_record_with_an_interaction_id_is_its_own_dialect():
    record = {"interaction_id": "c", "DialogueID": 1, "Events": []}
    assert converted(record) is record


def test_a_dialect_can_be_added(monkeypatch):
    monkeypatch.setattr(dialects, "_DIALECTS", dict(dialects._DIALECTS))
    register(
        Dialect("mine", frozenset({"ticket"}), lambda record: {"interaction_id": record["ticket"], "attributes": {}})
    )
    assert converted({"ticket": "t1"}) == {"interaction_id": "t1", "attributes": {"dialect": "mine"}}


def test_every_dialogue_of_the_real_set_lands(place, shared_data):
    folder = shared_data / "star-dev"
    result = place.ingest(folder)
    with gzip.open(folder / "dialogues.jsonl.gz") as file:
        lines = [json.loads(line) for line in file]
    spoken = sum(
        event["Action"] in ("utter", "pick_suggestion") and event["Agent"] in ("User", "Wizard")
        for line in lines
        for event in line["Events"]
    )
    assert (result.conversations, result.messages) == (len(lines), spoken) == (3839, 63329)
    assert result.rows_in == result.rows_inserted == 3839 + 63329
    assert place.query("select count(*) from raw_files.messages where instance = INSTANCE") == [(63329,)]
    assert place.query("select count(*) from raw_files.conversations where instance = INSTANCE") == [(3839,)]
    assert set(result.ignored_files) == {"LICENSE.txt", "NOTE.md", "README.md"}
