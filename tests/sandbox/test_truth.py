"""What a perfect extraction yields, and the truth file's way out and back."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import orjson
import pytest

from touchstone.errors import SourceError
from touchstone.sandbox.company import build
from touchstone.sandbox.state import fold
from touchstone.sandbox.truth import canonical, read_truth, write_truth


@pytest.fixture(scope="module")
def company():
    return build(days=40, conversations_per_day=20.0)


def test_a_desk_has_its_conversations_that_began_by_then(company):
    now = company.until - timedelta(days=10)
    both = canonical(company, now)
    assert [one.conversation_id for one in both] == [
        one.conversation_id for one in company.conversations if one.created_at <= now
    ]
    assert {one.desk for one in both} == {"zendesk", "hubspot"}
    ours = canonical(company, now, "hubspot")
    assert ours == [one for one in both if one.desk == "hubspot"]


def test_a_message_counts_from_when_it_shows(company):
    late = next(
        (one, event)
        for one in company.conversations
        for event in one.events
        if event.kind == "message" and event.visible_at
    )
    conversation, event = late

    def has(now):
        (found,) = [one for one in canonical(company, now) if one.conversation_id == conversation.conversation_id]
        return event.message_id in [message.message_id for message in found.messages]

    assert not has(event.visible_at - timedelta(seconds=1))
    assert has(event.visible_at)


def test_marks_and_texts_are_those_of_the_moment(company):
    end = company.until + timedelta(days=90)
    found = {one.conversation_id: one for one in canonical(company, end)}
    assert any(one.deleted_at for one in found.values())
    assert any("▇" in message.text for one in found.values() for message in one.messages)
    for one in company.conversations:
        state, stated = fold(one, end), found[one.conversation_id]
        assert (stated.status, stated.topic, stated.merged_into) == (state.status, state.topic, state.merged_into)
        assert [message.text for message in stated.messages] == [message.text for message in state.messages]
        assert stated.is_ai_only == one.is_ai_only
        assert len(stated.handoffs) == sum(event.kind == "handoff" for event in one.events)


def test_merged_conversations_keep_their_messages_and_name_where_they_end(company):
    found = {one.conversation_id: one for one in canonical(company, company.until)}
    merged = [one for one in found.values() if one.merged_into]
    assert merged
    for one in merged:
        assert one.root_id == one.merged_into != one.conversation_id
        assert one.messages
        assert one.status == "closed"
    assert all(one.root_id == one.conversation_id for one in found.values() if not one.merged_into)


def test_automation_accounts_are_system_and_marked(company):
    kinds = {one.agent_id: one.kind for one in company.agents}
    seen = Counter()
    for one in canonical(company, company.until):
        for message in one.messages:
            assert message.is_automation == (kinds.get(message.actor_id) == "automation")
            if message.is_automation:
                assert message.actor == "system"
                seen[message.actor_id] += 1
    assert len(seen) >= 2


def test_the_file_gives_back_what_was_written(company, tmp_path):
    path = tmp_path / "truth.jsonl"
    write_truth(company, path)
    assert list(tmp_path.iterdir()) == [path]
    read = read_truth(path)
    assert read.effects == company.effects
    assert (read.header["seed"], read.header["conversations"]) == (company.seed, len(company.conversations))
    assert set(read.conversations) == {one.conversation_id for one in company.conversations}
    for one in company.conversations[::50]:
        assert read.truth(one.conversation_id) == one.truth
    assert len(read.accounts) == len(company.accounts)
    assert len(read.agents) == len(company.agents)
    assert len(read.articles) == len(company.articles)
    person = company.customers[5]
    assert read.customers[person.customer_id]["emails"] == person.emails
    assert set(read.customers[person.customer_id]["vendor_ids"]) == set(person.known_to)
    at_zendesk = next(one for one in company.conversations if one.desk == "zendesk")
    assert read.conversations[at_zendesk.conversation_id]["vendor_id"] == 1000 + int(at_zendesk.conversation_id[4:])


def test_an_unknown_conversation_is_named(company, tmp_path):
    write_truth(company, tmp_path / "truth.jsonl")
    with pytest.raises(SourceError, match="cnv-999999"):
        read_truth(tmp_path / "truth.jsonl").truth("cnv-999999")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "Write it first"),
        (b"", "Write it again"),
        (orjson.dumps({"kind": "company", "version": 0}), "Write it again"),
        (b'{"kind":"company","version":1}\n{"kind":"planet"}', "2: planet"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, content, said):
    path = tmp_path / "truth.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=said):
        read_truth(path)


def test_a_folder_that_is_missing_is_named(company, tmp_path):
    with pytest.raises(SourceError, match="writable"):
        write_truth(company, tmp_path / "none" / "truth.jsonl")
