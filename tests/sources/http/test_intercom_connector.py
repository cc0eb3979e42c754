"""Intercom's connector against the simulated vendor: conversations and their parts."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from places import IntercomPlace, Still, fault
from scripted import Answer, scripted

from sandbox.small_firm import ANN, at, conversation, firm, message, plain
from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.intercom_ids import intercom_id
from touchstone.sandbox.model import Event


@pytest.fixture
def place(warehouse):
    """Makes a company's workspace and an instance that reads it."""
    running = []

    def make(conversations, clock, traps=None, customers=None, **options):
        company = firm(conversations, **({"customers": customers} if customers else {}))
        server = serve_here(company, SandboxOptions(clock=clock, vendors=("intercom",), traps=traps or {}))
        running.append(server)
        return IntercomPlace(warehouse, server.__enter__(), **options)

    yield make
    for server in running:
        server.__exit__(None, None, None)


def own(number: int) -> str:
    return intercom_id(f"cnv-{number:06d}")


def long_one(number, first, count, **fields):
    """A conversation with a message in every minute."""
    said = [
        message(number, place, first + timedelta(minutes=place), f"Message {place}") for place in range(1, count + 1)
    ]
    return conversation(number, said, **fields)


def texts(place, number: int) -> set[str]:
    """What the warehouse holds of what was said."""
    found = place.query(
        "select payload ->> 'body' from raw_intercom.conversation_parts where instance = %s and interaction_id = %s"
        " and payload ->> 'part_type' in ('comment', 'note')",
        own(number),
    )
    return {text for (text,) in found}


def short_ones(place) -> list[tuple]:
    """Conversations of which fewer parts are held than Intercom counts."""
    return place.query(
        """
        select id from raw_intercom.conversations as held
        where instance = %s and (payload -> 'statistics' ->> 'count_conversation_parts')::int > (
            select count(*) from raw_intercom.conversation_parts as parts
            where parts.instance = held.instance and parts.interaction_id = held.id
        )
        """
    )


@pytest.mark.parametrize("pages", [2, 3])
def test_t10_a_run_that_is_stopped_holds_whole_conversations_and_the_next_one_fetches_the_rest(place, pages):
    """Without one transaction for a conversation and its parts, the next run would take it for read."""
    workspace = place([plain(number, at(3, minutes=number)) for number in range(1, 71)], at(4))
    workspace.run_until(pages, "conversations")
    assert 0 < len(workspace.payloads("conversations")) < 70
    assert short_ones(workspace) == []
    workspace.run("conversations")
    assert len(workspace.payloads("conversations")) == 70
    assert len(workspace.asked("intercom.conversation")) <= 70 + 20
    assert short_ones(workspace) == []


def test_t10_parts_that_cannot_be_read_leave_their_conversation_to_the_next_run(place, monkeypatch):
    workspace = place([plain(number, at(3, minutes=number)) for number in range(1, 31)], at(4))
    monkeypatch.setattr("touchstone.sources.http.client.FIRST_PAUSE", 0.01)
    workspace.sandbox.control("traps", faults=[fault("server_error", "intercom.conversation", skip=25, times=8)])
    with pytest.raises(SourceError, match="conversations"):
        workspace.run("conversations")
    assert len(workspace.payloads("conversations")) == 20
    workspace.run("conversations")
    assert len(workspace.payloads("conversations")) == 30
    assert short_ones(workspace) == []


def test_t10_parts_beyond_the_newest_are_kept_and_what_was_never_given_is_said_to_be_missing(place):
    early, late = long_one(1, at(3), 8), long_one(2, at(4), 12)
    workspace = place([early, late], at(3, minutes=5), {"intercom_parts_most": 5})
    workspace.run("conversations")
    workspace.sandbox.move_clock(at(5))
    result = workspace.run("conversations")
    # four parts were read at first, and the newest five of the eight that there are now
    assert texts(workspace, 1) == {f"Message {number}" for number in range(2, 9)}
    assert texts(workspace, 2) == {f"Message {number}" for number in range(8, 13)}
    assert short_ones(workspace) == [(own(2),)]
    assert any("more parts than Intercom gives" in warning for warning in result.detail["warnings"])


def test_t11_all_parts_of_a_conversation_that_moved_are_read_whatever_their_own_time(place):
    """It moves twice, once while a run is under way, and one of its messages shows a day after it was sent."""
    said = [message(1, 1, at(3)), message(1, 2, at(3, hours=1), "second")]
    said.append(message(1, 3, at(3, hours=2), "late", visible_at=at(4, hours=2)))
    said.append(message(1, 4, at(4, hours=1), "between"))
    said.append(message(1, 5, at(4, hours=3), "during"))
    others = [plain(number, at(3, minutes=number)) for number in range(2, 160)]
    workspace = place([conversation(1, said), *others], at(3, hours=6))
    workspace.run("conversations")
    assert texts(workspace, 1) == {"second"}
    workspace.sandbox.move_clock(at(4, hours=1, minutes=30))
    moves = fault("advance_clock", "intercom.conversations_search", skip=1, seconds=3 * 3600)
    workspace.sandbox.control("traps", faults=[moves])
    workspace.run("conversations")
    workspace.run("conversations")
    assert texts(workspace, 1) == {"second", "late", "between", "during"}


@pytest.mark.parametrize("zone", [0.0, -11.0, 13.0])
@pytest.mark.parametrize("hour", [1, 11, 22])
def test_t12_a_conversation_that_closes_later_on_the_same_day_is_read_though_a_search_goes_by_days(place, zone, hour):
    one = conversation(
        1,
        [
            message(1, 1, at(3, hours=hour)),
            Event("status", at(3, hours=hour, minutes=50), "human_agent", ANN, value="closed"),
        ],
    )
    traps = {"intercom_search_by_day": True, "intercom_utc_offset_hours": zone}
    workspace = place([one], at(3, hours=hour, minutes=10), traps, reconcile_days=100)
    workspace.run("conversations")
    assert workspace.payloads("conversations")[own(1)]["state"] == "open"
    workspace.sandbox.move_clock(at(3, hours=hour, minutes=55))
    workspace.run("conversations")
    assert workspace.payloads("conversations")[own(1)]["state"] == "closed"


@pytest.mark.parametrize(
    ("endpoint", "skip"),
    [("conversations_search", 2), ("conversation", 325)],
    ids=["between two pages", "behind the last"],
)
def test_t17_a_conversation_that_changes_while_pages_are_read_is_read_again(place, endpoint, skip):
    """One of the first page changes while the second is asked for, or when no page is left that could show it."""
    others = [plain(number, at(3, seconds=number)) for number in range(1, 331) if number != 50]
    moving = plain(50, at(3, seconds=50))
    moving.events.append(message(50, 3, at(4, hours=1), "one more thing"))
    workspace = place([*others, moving], at(4), reconcile_days=100)
    workspace.sandbox.control("traps", faults=[fault("advance_clock", f"intercom.{endpoint}", skip=skip, seconds=7200)])
    workspace.run("conversations")
    workspace.run("conversations")
    assert "one more thing" in texts(workspace, 50)
    assert len(workspace.payloads("conversations")) == 330


def test_t22_two_updates_in_one_second_are_both_read(place):
    """Its `updated_at` tells the second one from the first no more than a version does."""
    second = at(3, hours=2)
    said = [message(1, 1, at(3)), message(1, 2, second, "first")]
    said.append(message(1, 3, second, "in the same second", visible_at=second + timedelta(milliseconds=800)))
    workspace = place([conversation(1, said)], second + timedelta(milliseconds=300), reconcile_days=100)
    workspace.run("conversations")
    assert texts(workspace, 1) == {"first"}
    workspace.sandbox.move_clock(at(3, hours=3))
    workspace.run("conversations")
    assert texts(workspace, 1) == {"first", "in the same second"}


def test_what_is_held_as_it_is_stated_is_not_asked_for_again(place):
    workspace = place([plain(number, at(3, minutes=number)) for number in range(1, 41)], at(6))
    workspace.run("conversations")
    asked = len(workspace.asked("intercom.conversation"))
    workspace.sandbox.move_clock(at(9))
    workspace.run("conversations")
    # the last quarter of an hour before the latest update may have moved within its second
    assert len(workspace.asked("intercom.conversation")) - asked <= 16


def test_a_conversation_that_is_gone_is_deleted_once_all_ids_were_compared(place):
    gone = plain(1, at(3))
    gone.events.append(Event("delete", at(5), "human_agent", ANN))
    workspace = place([gone, plain(2, at(3))], at(4), reconcile_days=7)
    workspace.run("conversations")
    held = workspace.payloads("conversations")[own(1)]
    workspace.sandbox.move_clock(at(6))
    workspace.run("conversations")
    assert workspace.payloads("conversations")[own(1)] == held
    workspace.sandbox.move_clock(at(12))
    result = workspace.run("conversations")
    assert result.detail["deleted_for_good"] == {"conversations": 1}
    left = workspace.payloads("conversations")[own(1)]
    assert left["archived"] is True
    assert not {"source", "contacts"} & set(left)
    assert texts(workspace, 1) == set()
    assert texts(workspace, 2) == {"Here is how"}
    # its rows are compared again, and stay as they are
    workspace.sandbox.move_clock(at(20))
    assert workspace.run("conversations").detail["deleted_for_good"] == {}


def test_what_a_search_leaves_out_is_not_deleted_where_it_is_there_by_its_id(place, warehouse):
    workspace = place([plain(1, at(1)), plain(2, at(8))], at(9))
    workspace.run("conversations")
    later = IntercomPlace(
        warehouse, workspace.sandbox, instance=workspace.instance, start="2026-03-09", reconcile_days=0
    )
    later.instance = workspace.instance
    assert later.run("conversations").detail["deleted_for_good"] == {}
    assert not any("archived" in one for one in later.payloads("conversations").values())


def test_fin_is_kept_as_it_was_and_null_is_nothing_but_null(place):
    one = conversation(
        1,
        [
            message(1, 1, at(3)),
            message(1, 2, at(3, minutes=1), "Try this", "agt-000"),
            Event("status", at(3, hours=1), "system", "", value="solved"),
            Event("rate", at(4), "customer", "cus-000001", value=2, text="no"),
        ],
        is_ai_only=True,
    )
    workspace = place([one, plain(2, at(3))], at(3, minutes=5))
    for moment in (at(3, minutes=5), at(3, hours=2), at(5)):
        workspace.sandbox.move_clock(moment)
        workspace.run("conversations")
    states = workspace.query(
        """
        select payload -> 'ai_agent' ->> 'resolution_state', payload -> 'ai_agent' ->> 'rating'
        from (
            select instance, id, payload, _load_id from raw_intercom.conversations
            union all
            select instance, id, payload, _load_id from raw_intercom.conversations_history
        ) as told
        where instance = %s and id = %s order by _load_id
        """,
        own(1),
    )
    assert states == [(None, None), ("assumed_resolution", None), ("negative_feedback", "2")]
    assert workspace.payloads("conversations")[own(2)]["ai_agent"] is None


def test_a_value_and_a_field_that_nobody_has_seen_land_and_are_reported(place):
    def answered(number, day):
        return conversation(
            number, [message(number, 1, at(day)), message(number, 2, at(day, minutes=1), "So", "agt-000")]
        )

    workspace = place([answered(1, 2), *(answered(number, 5) for number in range(2, 25))], at(3))
    workspace.run("conversations")
    workspace.sandbox.control("traps", drift={"new_enum": True, "new_field": True})
    workspace.sandbox.move_clock(at(6))
    result = workspace.run("conversations")
    changes = {(one["stream"], one["field"], one["content"]) for one in result.detail["schema_changes"]}
    assert result.rows_quarantined == 0
    assert "fin_streamed_answer" in {one["part_type"] for one in workspace.payloads("conversation_parts").values()}
    states = {one["ai_agent"]["resolution_state"] for one in workspace.payloads("conversations").values()}
    assert "handed_to_partner" in states
    assert changes >= {
        ("conversation_parts", "part_type", "fin_streamed_answer"),
        ("conversations", "ai_agent.resolution_state", "handed_to_partner"),
        ("conversations", "topics", "object"),
    }


def test_a_limit_is_waited_out_until_the_window_ends_and_every_request_states_its_version(warehouse):
    """Intercom says when its window ends, not how long to wait."""

    def answer(asked):
        if len(api.asked) == 1:
            return Answer({"type": "error.list", "errors": []}, 429, {"X-RateLimit-Reset": str(int(time.time()) + 3)})
        return Answer({"type": "tag.list", "data": [{"type": "tag", "id": "1", "name": "vip"}]})

    with scripted(answer) as api:
        workspace = IntercomPlace(warehouse, Still(api.url), base_url=api.url)
        workspace.run("tags")
        assert workspace.payloads("tags") == {"1": {"type": "tag", "id": "1", "name": "vip"}}
    assert 1.5 < api.asked[1].at - api.asked[0].at < 5
    assert {one.headers["Intercom-Version"] for one in api.asked} == {"2.15"}
    assert {one.headers["Authorization"] for one in api.asked} == {"Bearer token"}


def test_a_search_that_stands_still_is_stopped(warehouse):
    found = {"type": "conversation", "id": "1", "updated_at": 1_600_000_000}
    page = {"conversations": [found], "pages": {"next": {"starting_after": "again"}}}
    with scripted([Answer(page)]) as api:
        workspace = IntercomPlace(warehouse, Still(api.url), base_url=api.url)
        with pytest.raises(SourceError, match="stands still"):
            workspace.run("conversations")
        assert len(api.asked) < 5
