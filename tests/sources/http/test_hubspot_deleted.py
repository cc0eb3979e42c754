"""What HubSpot deleted for good is told by no list, no archive and no search; it is found all the same, and nothing else is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from places import HubspotPlace
from scripted import Answer, scripted

from sandbox.small_firm import ANN, at, conversation, firm, message, plain
from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.ids import hubspot_id
from touchstone.sandbox.model import Event
from touchstone.sources.hubspot import objects
from touchstone.sources.hubspot.sweep import gone_objects

NOON = at(20, hours=12)
WEEK = 7 * 86_400
MINUTE = timedelta(minutes=1)


def desk(number: int, *events: Event):
    return conversation(number, events, desk="hubspot")


def ticket(number: int) -> str:
    return str(9_000_000_000 + number)


def thread(number: int) -> str:
    return str(1_100_000_000 + number)


def said(number: int, ordinal: int) -> str:
    return hubspot_id(f"msg-{number:06d}-{ordinal:03d}")


def served(conversations, **traps):
    return serve_here(firm(conversations), SandboxOptions(clock=NOON, traps=traps))


def many(count: int) -> list:
    return [plain(number, at(1) + number * MINUTE, desk="hubspot") for number in range(1, count + 1)]


def archived(place: HubspotPlace, stream: str) -> set[str]:
    return {key for key, one in place.payloads(stream).items() if one.get("archived")}


def test_objects_that_are_gone_for_good_are_found_with_the_full_reading(warehouse, monkeypatch):
    monkeypatch.setattr(objects, "LIST_PAGE", 100)
    with served(many(250)) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run()
        gone = {ticket(1), ticket(100), ticket(101), ticket(250)}
        purged = [f"tickets/{one}" for one in gone] + ["contacts/6000002", "companies/5000000002"]
        sandbox.control("traps", purged=purged)
        sandbox.move_clock(seconds=2 * 86_400)
        place.run()
        assert archived(place, "tickets") == set()  # an increment cannot know
        sandbox.move_clock(seconds=WEEK)
        result = place.run()
        assert archived(place, "tickets") == gone
        assert archived(place, "contacts") == {"6000002"}
        assert archived(place, "companies") == {"5000000002"}
        assert result.detail["deleted_for_good"] == {"tickets": 4, "contacts": 1, "companies": 1}
        left = place.payloads("tickets")[ticket(100)]
        assert left["archivedAt"] == (NOON + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert left["createdAt"] == place.payloads("tickets", history=True)[ticket(100)]["createdAt"]
        # no text and no person; what it is counted by stays
        assert set(left["properties"]) & {"subject", "content", "hubspot_owner_id", "email"} == set()
        assert left["properties"]["source_type"] == "EMAIL"
        assert "kim.2@firm-1.example" not in str(place.payloads("contacts")["6000002"])
        assert place.interactions("tickets")[ticket(100)] == ticket(100)


def test_a_full_reading_costs_two_requests_more_for_each_page_that_something_is_gone_from(warehouse):
    with served(many(250)) as sandbox:
        calm, place = HubspotPlace(warehouse, sandbox), HubspotPlace(warehouse, sandbox)
        calm.run("tickets")
        place.run("tickets")
        sandbox.move_clock(seconds=WEEK)
        before = requests_of(calm.run("tickets"))
        sandbox.control("traps", purged=[f"tickets/{ticket(number)}" for number in range(3, 40)])
        assert requests_of(place.run("tickets")) == before + 2
        assert len(archived(place, "tickets")) == 37


def requests_of(result) -> int:
    return sum(result.detail["requests"].values())


def test_how_often_is_configured(warehouse):
    with served(many(5)) as sandbox:
        place = HubspotPlace(warehouse, sandbox, full_read_days=2)
        place.run("tickets")
        sandbox.control("traps", purged=[f"tickets/{ticket(3)}"])
        sandbox.move_clock(seconds=86_400)
        place.run("tickets")
        assert archived(place, "tickets") == set()
        sandbox.move_clock(seconds=86_400)
        place.run("tickets")
        assert archived(place, "tickets") == {ticket(3)}
        again = place.run("tickets")
        assert again.rows_updated == 0


def test_what_was_archived_or_merged_meanwhile_is_not_deleted_for_good(warehouse):
    later = NOON + timedelta(days=1)
    made = [
        desk(1, message(1, 1, NOON - MINUTE), Event("delete", later, "human_agent", ANN)),
        desk(2, message(2, 1, NOON - MINUTE), Event("merge", later, "human_agent", ANN, value="cnv-000003")),
        desk(3, message(3, 1, NOON - MINUTE)),
        *many(20)[3:],
    ]
    with served(made) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("tickets")
        sandbox.control("traps", purged=[f"tickets/{ticket(10)}"])
        sandbox.move_clock(seconds=WEEK)
        result = place.run("tickets")
        assert result.detail["deleted_for_good"] == {"tickets": 1}
        assert archived(place, "tickets") == {ticket(1), ticket(10)}
        assert place.payloads("tickets")[ticket(3)]["properties"]["hs_merged_object_ids"] == ticket(2)
        assert "isDeletedForGood" not in place.payloads("tickets")[ticket(2)]


def test_t6_a_full_reading_that_is_stopped_goes_on_with_what_it_looked_for(warehouse):
    with served(many(450)) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("tickets")
        gone = {ticket(number) for number in (50, 100, 101, 250, 450)}
        sandbox.control("traps", purged=[f"tickets/{one}" for one in gone])
        sandbox.move_clock(seconds=WEEK)
        place.run_until(2, "tickets")
        assert archived(place, "tickets") == {one for one in gone if one < ticket(203)}
        place.run("tickets")
        assert archived(place, "tickets") == gone
        assert "passed" not in place.cursor("tickets")


def test_what_comes_back_is_there_again(warehouse):
    with served(many(5)) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("tickets")
        sandbox.control("traps", purged=[f"tickets/{ticket(3)}"])
        sandbox.move_clock(seconds=WEEK)
        place.run("tickets")
        assert archived(place, "tickets") == {ticket(3)}
        sandbox.control("traps", purged=[])
        sandbox.move_clock(seconds=WEEK)
        place.run("tickets")
        assert archived(place, "tickets") == set()
        assert place.payloads("tickets")[ticket(3)]["properties"]["subject"] == "Question 3"


def test_lists_in_another_order_tell_nothing_of_what_is_gone(warehouse):
    listed = ["1", "2", "3"]

    def answer(asked) -> Answer:
        if asked.path.startswith("/crm/v3/properties"):
            return Answer(status=403)
        is_list = asked.method == "GET" and asked.query.get("archived") == "false"
        found = [{"id": one, "properties": {}, "updatedAt": "2026-03-05T00:00:00Z"} for one in listed if is_list]
        return Answer({"results": found})

    with served([]) as sandbox, scripted(answer) as api:
        place = HubspotPlace(warehouse, sandbox, base_url=api.url)
        place.run("companies")
        listed[:] = ["3", "1"]
        sandbox.move_clock(seconds=WEEK)
        result = place.run("companies")
        assert any("companies are not listed by id" in warning for warning in result.detail["warnings"])
        assert archived(place, "companies") == set()
        listed[:] = ["1", "3"]
        sandbox.move_clock(seconds=WEEK)
        place.run("companies")
        assert archived(place, "companies") == {"2"}


def test_a_part_of_a_batch_that_fails_proves_nothing():
    from test_hubspot import client

    failed = {"status": "error", "category": "INTERNAL_ERROR", "message": "try again"}
    answers = [Answer({"results": [], "errors": [failed]}, status=207)]
    with (
        scripted(answers) as api,
        client(api.url) as hubspot,
        pytest.raises(SourceError, match="INTERNAL_ERROR"),
    ):
        gone_objects(hubspot, "tickets", ["1", "2"])


# --- threads and messages


def test_a_message_that_a_thread_no_longer_holds_is_deleted_when_the_thread_is_read_again(warehouse):
    parts = [message(1, ordinal, NOON - 10 * MINUTE + ordinal * MINUTE, f"part {ordinal}") for ordinal in range(1, 4)]
    goes_on = message(1, 4, NOON + timedelta(days=1), "part 4")
    with served([desk(1, *parts, goes_on), *many(3)[1:]]) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run()
        row = f"{thread(1)}:{said(1, 2)}"
        sandbox.control("traps", purged=[f"messages/{said(1, 2)}"])
        sandbox.move_clock(seconds=2 * 86_400)
        result = place.run()
        assert archived(place, "messages") == {row}
        left = place.payloads("messages")[row]
        assert left == {
            "id": said(1, 2),
            "type": "MESSAGE",
            "conversationsThreadId": thread(1),
            "createdAt": left["createdAt"],
            "archived": True,
            "archivedAt": (NOON + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "isDeletedForGood": True,
        }
        assert place.interactions("messages")[row] == ticket(1)
        assert result.detail["deleted_for_good"] == {"messages": 1}
        assert len(place.asked("hubspot.message")) == 1
        texts = {one.get("text") for one in place.payloads("messages").values()}
        assert {"part 1", "part 3", "part 4"} <= texts


def test_a_message_that_the_list_leaves_out_but_that_is_there_stays(warehouse):
    moved = {"on": "2026-03-05T00:00:00.000Z"}
    texts = ["m1", "m2"]

    def answer(asked) -> Answer:
        if asked.path.endswith("/messages"):
            found = [{"id": one, "type": "MESSAGE", "text": one, "createdAt": "2026-03-05T00:00:00Z"} for one in texts]
            return Answer({"results": found})
        if asked.path.endswith("/messages/m2"):
            return Answer({"id": "m2", "type": "MESSAGE", "text": "m2"})
        if asked.query.get("archived") == "true" or "sort" in asked.query:
            return Answer({"results": []})
        listed = {"id": "1", "latestMessageTimestamp": moved["on"], "threadAssociations": {"associatedTicketId": "7"}}
        return Answer({"results": [listed]})

    with served([]) as sandbox, scripted(answer) as api:
        place = HubspotPlace(warehouse, sandbox, base_url=api.url)
        place.run("threads")
        texts.remove("m2")
        moved["on"] = "2026-03-06T00:00:00.000Z"
        sandbox.move_clock(seconds=WEEK)
        place.run("threads")
        assert archived(place, "messages") == set()


def test_a_thread_that_is_gone_for_good_takes_its_messages_along(warehouse):
    with served(many(120)) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run()
        sandbox.control("traps", purged=[f"threads/{thread(7)}", f"threads/{thread(120)}", f"tickets/{ticket(9)}"])
        sandbox.move_clock(seconds=WEEK)
        result = place.run()
        assert archived(place, "threads") == {thread(7), thread(120)}
        assert {key.partition(":")[0] for key in archived(place, "messages")} == {thread(7), thread(120)}
        assert result.detail["deleted_for_good"] == {"tickets": 1, "threads": 2, "messages": 4}
        assert place.interactions("threads")[thread(7)] == ticket(7)
        # the thread of a ticket that is gone is still there, and still known to be its own
        assert place.interactions("threads")[thread(9)] == ticket(9)
