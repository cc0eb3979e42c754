"""HubSpot's conversations: every message of every thread, whatever happens to it later and whoever ends the run."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from places import HubspotPlace, fault
from scripted import Answer, scripted

from sandbox.small_firm import AI, ANN, ROBOT, UNTIL, at, by_ai, conversation, firm, message, plain
from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.ids import hubspot_id
from touchstone.sandbox.model import Company, Event
from touchstone.sources.config import SourceInstance
from touchstone.sources.http import runner
from touchstone.sources.hubspot import threads
from touchstone.sources.hubspot.connector import HubspotConnector

NOON = at(20, hours=12)
HOUR = timedelta(hours=1)


def desk(number: int, *events: Event, **fields: Any):
    return conversation(number, events, desk="hubspot", **fields)


def noise(begin=NOON) -> list:
    """A conversation every few minutes, so that no overlap of the next run reaches back to what a test is about."""
    return [plain(number, begin + timedelta(minutes=10 * number), desk="hubspot") for number in range(10, 20)]


def served(company: Company, now=NOON + HOUR, **traps: Any):
    return serve_here(company, SandboxOptions(clock=now, traps=traps))


def message_key(conversation_number: int, ordinal: int) -> str:
    return f"{1_100_000_000 + conversation_number}:{hubspot_id(f'msg-{conversation_number:06d}-{ordinal:03d}')}"


def texts(place: HubspotPlace) -> dict[str, str]:
    """Text of each message, notes too, without what only tells of an event."""
    found = place.payloads("messages")
    return {key: one["text"] for key, one in found.items() if one["type"] in ("MESSAGE", "COMMENT")}


def truth(company: Company) -> dict[str, str]:
    return {
        message_key(int(one.conversation_id[4:]), int(event.message_id[-3:])): event.text
        for one in company.conversations
        for event in one.events
        if event.kind == "message"
    }


def test_a_thread_lands_with_all_its_messages_and_their_ticket(warehouse):
    long = [message(1, ordinal, NOON + timedelta(seconds=ordinal), f"part {ordinal}") for ordinal in range(1, 251)]
    note = message(2, 1, NOON, "Customer is upset", ANN, is_internal=True)
    company = firm([desk(1, *long), desk(2, message(2, 0, NOON), note), by_ai(3, NOON, desk="hubspot")])
    with served(company) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run()
        assert texts(place) == truth(company)
        assert place.payloads("messages")[message_key(2, 1)]["type"] == "COMMENT"
        owners = place.interactions("messages")
        assert owners[message_key(1, 250)] == "9000000001"
        assert set(owners.values()) == {"9000000001", "9000000002", "9000000003"}
        apart = place.query(
            "select count(*) from raw_hubspot.messages as messages join raw_hubspot.threads as threads"
            " on threads.instance = messages.instance and threads.id = split_part(messages.id, ':', 1)"
            " where messages.instance = %s and messages._load_id <> threads._load_id"
        )
        assert apart == [(0,)]


def test_t10_a_run_that_fails_between_a_thread_and_its_messages_leaves_neither(warehouse):
    company = firm([plain(number, NOON + timedelta(minutes=number), desk="hubspot") for number in range(1, 41)])
    with served(company, NOON + 2 * HOUR) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        sandbox.control("traps", credentials={"hubspot": {"missing_scopes": []}})
        # the 30th thread's messages are refused: 25 threads have landed, the others wait
        broken = [fault("broken_body", "hubspot.messages", skip=29, times=1000, body="html")]
        sandbox.control("traps", faults=broken)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("touchstone.sources.http.client.time.sleep", lambda seconds: None)
            with pytest.raises(SourceError, match=r"threads: .*messages failed 8 times"):
                place.run()
        held = set(place.payloads("threads"))
        assert len(held) == threads.TOGETHER
        assert {key.partition(":")[0] for key in place.payloads("messages")} == held
        sandbox.control("traps", faults=[])
        sandbox.control("reset")
        place.run()
        assert texts(place) == truth(company)
        assert len(place.asked("hubspot.messages")) == 15


def test_t11_a_thread_that_goes_on_twice_loses_nothing_between_two_runs(warehouse):
    own = [message(1, ordinal, NOON + ordinal * timedelta(hours=5), f"part {ordinal}") for ordinal in range(1, 7)]
    company = firm([desk(1, *own), *noise()])
    with served(company) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        for _ in range(4):
            place.run()
            sandbox.move_clock(seconds=10 * 3600)
        assert texts(place) == truth(company)


@pytest.mark.parametrize("days", [2, 9], ids=["an increment", "a full reading"])
def test_what_moves_no_timestamp_of_a_thread_is_followed_through_its_ticket(warehouse, days):
    company = firm(
        [
            desk(1, message(1, 1, NOON, "my card is 4111 1111"), Event("redact", NOON + 30 * HOUR, "human_agent", ANN, "msg-000001-001", "[removed]")),
            desk(2, message(2, 1, NOON), Event("status", NOON + 30 * HOUR, "human_agent", ANN, value="solved")),
            desk(3, message(3, 1, NOON), message(3, 2, NOON + timedelta(minutes=5), "late", visible_at=NOON + 30 * HOUR), message(3, 3, NOON + timedelta(minutes=9), "in time")),
            desk(4, message(4, 1, NOON), Event("assign", NOON + 30 * HOUR, "system", "", value=ANN, team="billing")),
            *noise(),
        ]
    )  # fmt: skip
    with served(company, NOON + 3 * HOUR) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run()
        assert texts(place)[message_key(1, 1)] == "my card is 4111 1111"
        assert message_key(3, 2) not in texts(place)
        sandbox.move_clock(seconds=days * 86_400)
        sandbox.control("reset")
        place.run()
        assert texts(place)[message_key(1, 1)] == "[removed]"
        assert texts(place)[message_key(3, 2)] == "late"
        assert place.payloads("threads")["1100000002"]["status"] == "CLOSED"
        assert place.payloads("threads")["1100000004"]["assignedTo"] == "A-70000001"


def test_a_merge_moves_the_threads_of_what_was_merged_to_the_survivor(warehouse):
    merge = Event("merge", NOON + 30 * HOUR, "human_agent", ANN, value="cnv-000002")
    company = firm([desk(1, message(1, 1, NOON), merge), desk(2, message(2, 1, NOON)), *noise()])
    with served(company, NOON + 3 * HOUR) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run()
        assert place.interactions("messages")[message_key(1, 1)] == "9000000001"
        sandbox.move_clock(seconds=48 * 3600)
        place.run()
        assert place.interactions("messages")[message_key(1, 1)] == "9000000002"
        assert place.interactions("threads")["1100000001"] == "9000000002"
        assert place.payloads("tickets")["9000000002"]["properties"]["hs_merged_object_ids"] == "9000000001"
        former = place.query(
            "select interaction_id from raw_hubspot.messages_history where instance = %s and id = %s", message_key(1, 1)
        )
        assert former == [("9000000001",)]


def test_a_deleted_thread_is_archived_with_what_was_said_in_it(warehouse):
    def gone(after: timedelta) -> Event:
        return Event("delete", NOON + after, "human_agent", ANN)

    def scrubbed() -> Event:
        return Event("redact", NOON + 90 * HOUR, "system", "", "", "SCRUBBED")

    company = firm(
        [
            desk(1, message(1, 1, NOON), gone(HOUR), scrubbed()),
            desk(2, message(2, 1, NOON), gone(30 * HOUR), scrubbed()),
            *noise(),
        ]
    )
    with served(company, NOON + 3 * HOUR) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run()
        archived = {key for key, one in place.payloads("threads").items() if one["archived"]}
        assert archived == {"1100000001"}
        sandbox.move_clock(seconds=48 * 3600)
        place.run()
        archived = {key for key, one in place.payloads("threads").items() if one["archived"]}
        assert archived == {"1100000001", "1100000002"}
        assert texts(place) == truth(company)
        sandbox.move_clock(seconds=48 * 3600)
        place.run()
        assert texts(place)[message_key(1, 1)] == texts(place)[message_key(2, 1)] == "SCRUBBED"


def test_a_thread_whose_ticket_was_changed_later_comes_with_the_full_reading(warehouse):
    """HubSpot tells nowhere that an old thread was joined to a ticket; the list of all threads shows it."""
    thread = {"id": "1", "latestMessageTimestamp": "2026-03-05T00:00:00.000Z", "status": "OPEN", "archived": False}
    said = {"id": "m1", "type": "MESSAGE", "createdAt": "2026-03-05T00:00:00Z", "text": "hi", "senders": []}

    def answer(asked) -> Answer:
        if asked.path.endswith("/messages"):
            return Answer({"results": [said]})
        if asked.query.get("archived") == "true" or "sort" in asked.query:
            return Answer({"results": []})
        return Answer({"results": [thread]})

    with served(firm()) as sandbox, scripted(answer) as api:
        place = HubspotPlace(warehouse, sandbox, base_url=api.url)
        place.run("threads")
        assert place.interactions("messages") == {"1:m1": None}
        thread["threadAssociations"] = {"associatedTicketId": "77"}
        place.run("threads")
        assert place.interactions("messages") == {"1:m1": None}
        sandbox.move_clock(seconds=8 * 86_400)
        place.run("threads")
        assert place.interactions("messages") == {"1:m1": "77"}


def test_a_thread_that_vanishes_while_it_is_read_is_counted_and_stops_nothing(warehouse):
    found = [
        {"id": str(number), "latestMessageTimestamp": f"2026-03-05T00:00:0{number}.000Z", "archived": False}
        for number in range(1, 4)
    ]

    def answer(asked) -> Answer:
        if asked.path.endswith("/threads/2/messages"):
            return Answer(b"<html></html>", status=404)
        if asked.path.endswith("/messages"):
            return Answer({"results": [{"id": "m1", "type": "MESSAGE", "text": "hi"}]})
        return Answer({"results": [] if asked.query.get("archived") == "true" or "sort" in asked.query else found})

    with served(firm()) as sandbox, scripted(answer) as api:
        place = HubspotPlace(warehouse, sandbox, base_url=api.url)
        result = place.run("threads")
        assert set(place.payloads("threads")) == {"1", "3"}
        assert result.detail["skipped_records"] == {"threads that vanished while they were read": 1}


def test_t3_more_threads_than_a_page_holds_may_share_one_moment(warehouse):
    company = firm([desk(number, message(number, 1, NOON + 30 * HOUR)) for number in range(1, 351)])
    with served(company) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("threads")
        sandbox.move_clock(seconds=40 * 3600)
        sandbox.control("reset")
        place.run("threads")
        assert texts(place) == truth(company)
        assert len(place.asked("hubspot.messages")) == 350


def test_everybody_whom_a_thread_names_is_known(warehouse):
    company = firm(
        [desk(1, message(1, 1, NOON), message(1, 2, NOON, "hi", AI), message(1, 3, NOON, "you have mail", ROBOT), message(1, 4, NOON, "hello", ANN), message(1, 5, NOON + 2 * HOUR, "again", ANN))]
    )  # fmt: skip
    with served(company) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run()
        kinds = {key: one["type"] for key, one in place.payloads("actors").items()}
        assert kinds == {"V-6000001": "VISITOR", "B-0": "BOT", "I-3": "INTEGRATION", "A-70000001": "AGENT"}
        sandbox.move_clock(NOON + 3 * HOUR)
        again = place.run().detail["records"]
        # the visitor is known for good, the others may have a new name
        assert (again["threads"], again["actors"]) == (1, 3)


def test_a_kind_of_message_that_was_never_seen_lands_and_is_told(warehouse):
    company = firm([plain(number, NOON + timedelta(minutes=number), desk="hubspot") for number in range(1, 7)])
    with served(company, NOON + timedelta(minutes=4)) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run()
        sandbox.control("traps", drift={"new_enum": True})
        sandbox.move_clock(NOON + HOUR)
        result = place.run()
        assert {"AI_SUMMARY"} < {one["type"] for one in place.payloads("messages").values()}
        told = [one for one in result.detail["schema_changes"] if one["kind"] == "value"]
        assert told == [{"stream": "messages", "field": "type", "kind": "value", "content": "AI_SUMMARY"}]


def test_an_increment_asks_little(warehouse):
    company = firm([plain(number, at(1, minutes=9 * number), desk="hubspot") for number in range(1, 1501)])
    with served(company, at(1, minutes=9 * 1498)) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        first = sum(place.run().detail["requests"].values())
        sandbox.move_clock(seconds=3600)
        sandbox.control("reset")
        second = sum(place.run().detail["requests"].values())
        assert texts(place) == truth(company)
        assert second < 0.03 * first
        read = [one["path"] for one in place.asked("hubspot.messages")]
        assert len(read) == len(set(read)) > 1  # once, though thread and ticket have both moved


# --- kills


def _ingest(source: SourceInstance, secrets: dict[str, str], now: datetime) -> None:
    """A run in a process of its own."""
    runner.ingest(HubspotConnector(), source, as_of=now, secrets=secrets)


@pytest.mark.long
def test_t6_t10_a_run_that_is_killed_at_any_moment_ends_as_one_that_is_not(warehouse):
    company = firm(
        [
            (plain if number % 3 else by_ai)(number, at(1, minutes=9 * number), desk="hubspot")
            for number in range(1, 601)
        ]
    )
    chance = random.Random(11)
    with served(company, UNTIL, server_error=0.03, rate_limited=0.03, retry_after=0.05, broken_body=0.01) as sandbox:
        place, calm = HubspotPlace(warehouse, sandbox), HubspotPlace(warehouse, sandbox)
        context = multiprocessing.get_context("spawn")
        arguments = (place.source, place.secrets(), UNTIL)
        for kill in itertools.count(1):
            process = context.Process(target=_ingest, args=arguments)
            process.start()
            before = place.query("select count(*) from ops.loads where instance = %s")[0][0]
            wanted = before + chance.randint(1, 6)
            while (
                process.is_alive() and place.query("select count(*) from ops.loads where instance = %s")[0][0] < wanted
            ):
                time.sleep(0.01)
            if process.is_alive() and kill <= 10:
                os.kill(process.pid, signal.SIGKILL)
                process.join()
                held = set(place.payloads("threads"))
                assert {key.partition(":")[0] for key in place.payloads("messages")} == held
                continue
            process.join()
            assert process.exitcode == 0
            break
        assert kill > 5
        sandbox.control("reset")
        sandbox.control("traps", server_error=0, rate_limited=0, broken_body=0)
        calm.run()
        for stream in place.connector().raw:
            assert place.payloads(stream) == calm.payloads(stream), stream
            assert place.interactions(stream) == calm.interactions(stream), stream
            assert place.payloads(stream, history=True) == {}, stream
        assert texts(place) == truth(company)
