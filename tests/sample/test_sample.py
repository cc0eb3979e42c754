"""The sample is the same everywhere, keeps to the conversation file's rules, and holds the effects it promises."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from touchstone.errors import SourceError
from touchstone.sample import FIRST_DAY, INITIAL_DAYS, NEW_AI_VERSION_DAY, as_of, day_documents, days_until, write_day
from touchstone.sources.schema import conversation_schema

NEXT_STEPS = re.compile(
    r"\b(next|i will|i'll|what happens|steps|you will (get|receive)|please|tell me|let me know)\b", re.I
)
CARD_REQUEST = re.compile(r"(full|complete)( credit)? card number", re.I)


@pytest.fixture(scope="module")
def days() -> dict:
    return {day: day_documents(day) for day in days_until(INITIAL_DAYS)}


@pytest.fixture(scope="module")
def latest(days) -> dict:
    """The last state of every conversation after the first 30 days."""
    return {document["interaction_id"]: document for documents in days.values() for document in documents}


def _replies(latest, actor):
    for document in latest.values():
        for message in document["messages"]:
            if message["actor"] == actor and not message.get("is_internal"):
                yield document, message


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_the_same_day_has_the_same_bytes_in_any_process(tmp_path, seed):
    """Another process, another hash seed, another locale; and the days before are not needed."""
    day = FIRST_DAY + timedelta(days=16)
    for earlier in days_until(17):
        here = write_day(earlier, tmp_path / "here")
    environment = os.environ | {"PYTHONHASHSEED": seed, "LC_ALL": "C"}
    command = [sys.executable, "-m", "touchstone.sample", day.isoformat(), str(tmp_path / seed)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    there = Path(done.stdout.strip())
    assert there.parent == tmp_path / seed
    assert here.name == there.name
    assert _digest(here) == _digest(there)


def test_a_day_written_twice_is_the_same_and_leaves_nothing_beside_it(tmp_path):
    first = _digest(write_day(FIRST_DAY, tmp_path))
    assert _digest(write_day(FIRST_DAY, tmp_path)) == first
    assert len(list(tmp_path.iterdir())) == 1


def test_days_differ():
    assert day_documents(FIRST_DAY)[0]["messages"] != day_documents(FIRST_DAY + timedelta(days=7))[0]["messages"]


def test_there_is_no_day_before_the_first():
    assert FIRST_DAY.weekday() == 0
    with pytest.raises(SourceError, match="2026-03-02"):
        day_documents(FIRST_DAY - timedelta(days=1))


@pytest.mark.parametrize("arguments", [[], ["yesterday", "x"], ["2020-01-01", "x"]])
def test_the_command_refuses_what_it_cannot_do(arguments, tmp_path):
    command = [sys.executable, "-m", "touchstone.sample", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "day" in done.stderr.lower()


def test_new_conversations_keep_to_the_volume_of_their_weekday():
    counts = defaultdict(list)
    for day in days_until(10 * 7):
        born = [one for one in day_documents(day) if one["started_at"].startswith(day.isoformat())]
        counts[day.weekday()].append(len(born))
    for weekday, found in counts.items():
        least, most = (55, 80) if weekday < 5 else (18, 32)
        assert least <= min(found), (weekday, found)
        assert max(found) <= most, (weekday, found)
        mean = sum(found) / len(found)
        assert min(found) > 0.75 * mean, (weekday, found)
    assert 1550 <= sum(sum(found[: 5 if weekday < 2 else 4]) for weekday, found in counts.items()) <= 1850


def test_every_document_is_valid_by_the_published_schema(days):
    validator = Draft202012Validator(conversation_schema())
    faults = [
        (document["interaction_id"], error.message)
        for documents in days.values()
        for document in documents
        for error in validator.iter_errors(document)
    ]
    assert faults == []


def test_messages_are_in_order_and_none_is_later_than_the_end_of_its_day(days):
    for day, documents in days.items():
        end = as_of(day)
        for document in documents:
            sent = [datetime.fromisoformat(message["sent_at"]) for message in document["messages"]]
            assert sent == sorted(set(sent)), document["interaction_id"]
            assert document["messages"][0]["actor"] == "customer"
            assert sent[0] == datetime.fromisoformat(document["started_at"])
            stated = [datetime.fromisoformat(document[name]) for name in document if name.endswith("_at")]
            assert max([*sent, *stated]) < end, document["interaction_id"]
            if "closed_at" in document:
                assert document["closed_at"] >= document["started_at"]
                assert document["status"] in ("solved", "closed")
            assert as_of(day) - timedelta(days=1) <= datetime.fromisoformat(document["updated_at"])


def test_a_later_day_brings_new_versions_of_earlier_conversations(days):
    versions = defaultdict(list)
    for documents in days.values():
        for document in documents:
            versions[document["interaction_id"]].append(document)
    again = [found for found in versions.values() if len(found) > 1]
    assert len(again) > 300
    grown = [found for found in again if len(found[-1]["messages"]) > len(found[0]["messages"])]
    assert len(grown) > 100
    reopened = [found for found in again if any("closed_at" in one for one in found[:-1])]
    assert any(len(found[-1]["messages"]) > len(found[0]["messages"]) for found in reopened)
    edited = [
        found
        for found in again
        if any(a["text"] != b["text"] for a, b in zip(found[0]["messages"], found[-1]["messages"], strict=False))
    ]
    assert edited
    assert any("deleted_at" in found[-1] for found in versions.values())


def test_the_mix_is_that_of_a_software_firm(latest):
    number = len(latest)

    def share(field, value):
        return sum(document.get(field) == value for document in latest.values()) / number

    assert {document["channel"] for document in latest.values()} == {"chat", "email", "ticket", "voice"}
    assert {document["tier"] for document in latest.values()} == {"starter", "business", "enterprise"}
    assert len({document.get("topic") for document in latest.values()} - {None}) == 10
    assert 0.03 < share("language", "es") < 0.09
    assert 0.02 < share("language", "de") < 0.07
    assert 0.28 < sum("rating" in document for document in latest.values()) / number < 0.42
    actors = Counter(
        frozenset(message["actor"] for message in document["messages"]) - {"customer", "system"}
        for document in latest.values()
    )
    for kinds in ({"ai_agent"}, {"human_agent"}, {"ai_agent", "human_agent"}, set()):
        assert actors[frozenset(kinds)] > 20
    people = {(m["actor_id"], m["team"]) for _, m in _replies(latest, "human_agent")}
    assert len({agent for agent, _ in people}) == 12
    assert len({team for _, team in people}) == 3


def test_customers_return_within_one_seven_and_fourteen_days(latest):
    starts = defaultdict(list)
    for document in latest.values():
        starts[document["customer_id"], document.get("topic")].append(datetime.fromisoformat(document["started_at"]))
    gaps = []
    for found in starts.values():
        found.sort()
        gaps += [later - earlier for earlier, later in pairwise(found)]
    within = [sum(gap <= timedelta(days=window) for gap in gaps) / len(latest) for window in (1, 7, 14)]
    assert 0.01 < within[0] < within[1] < within[2] < 0.3


@pytest.mark.parametrize("actor", ["human_agent", "ai_agent"])
def test_nobody_repeats_one_sentence(latest, actor):
    bodies = defaultdict(Counter)
    for _, message in _replies(latest, actor):
        bodies[message["actor_id"]][message["text"]] += 1
    for agent, texts in bodies.items():
        assert texts.most_common(1)[0][1] / texts.total() < 0.05, agent
    assert len({text for texts in bodies.values() for text in texts}) > 1000


def test_people_take_their_time_and_the_machine_answers_at_once(latest):
    gaps = defaultdict(list)
    for document in latest.values():
        spoken = [message for message in document["messages"] if message["actor"] != "system"]
        for asked, replied in pairwise(spoken):
            if asked["actor"] == "customer" and replied["actor"] != "customer":
                gap = datetime.fromisoformat(replied["sent_at"]) - datetime.fromisoformat(asked["sent_at"])
                gaps[replied["actor"], document["channel"] == "voice"].append(gap.total_seconds())
    assert min(gaps["ai_agent", False]) >= 2
    assert max(gaps["ai_agent", False]) <= 6
    assert min(gaps["human_agent", False]) >= 15
    assert min(gaps["human_agent", True]) >= 4


def _with_next_steps(latest, keep):
    replies = [m["text"] for document, m in _replies(latest, "human_agent") if keep(document, m)]
    assert len(replies) > 30
    return sum(bool(NEXT_STEPS.search(text.split("\n\nOn ")[0])) for text in replies) / len(replies)


def test_data_export_is_answered_without_next_steps(latest):
    weak = _with_next_steps(latest, lambda document, _: document.get("topic") == "data_export")
    others = _with_next_steps(latest, lambda document, _: document.get("topic") == "password_reset")
    assert weak < others - 0.2


def test_one_agent_improves_one_declines_and_one_is_excellent(latest):
    middle = (FIRST_DAY + timedelta(days=15)).isoformat()

    def empathy(name, half):
        texts = [
            m["text"]
            for _, m in _replies(latest, "human_agent")
            if m["actor_name"] == name and (m["sent_at"] < middle) == (half == 1)
        ]
        words = re.compile(r"sorry|apolog|frustrating|annoying|annoyed|worried|nuisance|trouble", re.I)
        return sum(bool(words.search(text)) for text in texts) / len(texts)

    assert empathy("Tom Becker", 2) > empathy("Tom Becker", 1)
    assert empathy("Dana Whitfield", 2) < empathy("Dana Whitfield", 1)
    assert empathy("Priya Raman", 1) > empathy("Tom Becker", 1)


def test_the_new_version_of_the_ai_agent_misreads_plan_changes(latest):
    handed = defaultdict(list)
    for document in latest.values():
        versions = {m["agent_version"] for m in document["messages"] if m["actor"] == "ai_agent"}
        if len(versions) == 1 and document.get("topic") == "plan_change":
            handed[versions.pop()].append(any(m["actor"] == "human_agent" for m in document["messages"]))
    assert sum(handed["2.4"]) / len(handed["2.4"]) > 0.2 + sum(handed["2.3"]) / len(handed["2.3"])
    for document, message in _replies(latest, "ai_agent"):
        is_new = document["started_at"] >= NEW_AI_VERSION_DAY.isoformat()
        assert message["agent_version"] == ("2.4" if is_new else "2.3")


def test_answers_state_confidence_sources_and_tool_calls(latest):
    answers = [message for _, message in _replies(latest, "ai_agent")]
    assert all(0 <= message["confidence"] <= 1 for message in answers)
    statuses = Counter(call["status"] for message in answers for call in message.get("tool_calls", []))
    assert set(statuses) == {"ok", "failed", "timeout", "partial"}
    assert sum("sources" in message for message in answers) > len(answers) / 3
    assert {one["value"] for message in answers for one in message.get("feedback", [])} == {"up", "down"}


def test_one_agent_asks_for_card_numbers_now_and_then(latest):
    askers = [m["actor_name"] for _, m in _replies(latest, "human_agent") if CARD_REQUEST.search(m["text"])]
    assert 2 <= len(askers) <= 25
    assert set(askers) == {"Luis Ferrer"}


def test_no_personal_data_could_be_anybodys(latest):
    text = json.dumps(list(latest.values()))
    for address in re.findall(r"[\w.+-]+@[\w.-]+\w", text):
        assert address.endswith(("@example.com", "@example.org")), address
    for phone in re.findall(r"\+1 \d{3}-\d{3}-\d{4}", text):
        assert re.fullmatch(r"\+1 \d{3}-555-01\d\d", phone), phone
    cards = set(re.findall(r"\b\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}\b", text))
    assert cards <= {"4111 1111 1111 1111", "5555 5555 5555 4444", "4242 4242 4242 4242", "4000-0566-5566-5556"}
    assert cards


def test_no_sentence_shows_its_template(latest):
    for document in latest.values():
        for message in document["messages"]:
            body = message["text"].split("\n\nOn ")[0]
            assert not re.search(r"[{}|]|<\w+>|  | [.,!?]", body.replace(" | ", " ")), body
