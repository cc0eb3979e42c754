"""Freshdesk's lists of tickets as they truly behave: each trap by its number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freshdesk_toolbox import Tickets, forget_freshdesk, freshdesk_at, held, ingest_freshdesk, iso, steady
from places import Stopped
from scripted import scripted
from toolbox import cursor

from touchstone.errors import SourceError
from touchstone.settings import Settings
from touchstone.sources.freshdesk import conversations, tickets
from touchstone.sources.http import client

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HIDDEN = ("tickets", "hidden_tickets", "all_tickets", "conversations")


@pytest.fixture(autouse=True)
def empty(warehouse: Settings) -> None:
    forget_freshdesk(warehouse)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that no test waits for."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "PER_PAGE", 10)


def lists(desk: Tickets) -> list[dict[str, str]]:
    return [asked.query for asked in desk.asked if asked.path.endswith("/tickets")]


def test_t13_30250_tickets_arrive_although_page_301_is_refused(warehouse):
    desk = Tickets(steady(30_250, START, timedelta(seconds=90)))
    with scripted(desk) as api:
        ingest_freshdesk(freshdesk_at(api.url), warehouse, "tickets")
    assert len(held(warehouse, "tickets")) == 30_250
    assert len(desk.asked) <= 310


def test_t13_a_second_that_fills_pages_is_passed_by_their_numbers(warehouse, small_pages):
    same = dict.fromkeys(range(1, 36), START)
    desk = Tickets(same | {100 + number: at for number, at in steady(30, START).items()}, page_limit=4)
    with scripted(desk) as api:
        ingest_freshdesk(freshdesk_at(api.url), warehouse, "tickets")
    assert len(held(warehouse, "tickets")) == 65


def test_t13_a_second_that_no_page_reaches_the_end_of_fails_loudly(warehouse, small_pages):
    desk = Tickets(dict.fromkeys(range(1, 46), START), page_limit=4)
    with (
        scripted(desk) as api,
        pytest.raises(SourceError, match="more tickets were last changed at 2026-01-04T23:59:59Z"),
    ):
        ingest_freshdesk(freshdesk_at(api.url), warehouse, "tickets")
    desk.page_limit = 10**6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tickets, "PAGE_LIMIT", 3)
        with scripted(desk) as api, pytest.raises(SourceError, match="3 pages of 10"):
            ingest_freshdesk(freshdesk_at(api.url), warehouse, "tickets")


def test_t14_every_list_of_tickets_says_since_when(warehouse, small_pages):
    desk = Tickets(steady(25, START))
    with scripted(desk) as api:
        for _ in range(2):
            ingest_freshdesk(freshdesk_at(api.url, full_read_days=0), warehouse, *HIDDEN)
    asked = lists(desk)
    assert len(asked) > 6
    assert {query["order_by"] + query["order_type"] for query in asked} == {"updated_atasc"}
    assert all(query["updated_since"] >= "2025-12-31" for query in asked)


def test_trap_21_and_t17_a_ticket_that_changes_while_it_is_read_moves_no_other_out_of_sight(warehouse, small_pages):
    def change(desk: Tickets, asked) -> None:
        if len(desk.asked) == 2:
            desk.changed[3] = START + timedelta(days=1)

    desk = Tickets(steady(30, START), before=change)
    with scripted(desk) as api:
        ingest_freshdesk(freshdesk_at(api.url), warehouse, "tickets")
    found = held(warehouse, "tickets")
    assert set(found) == {str(number) for number in range(1, 31)}
    assert found["3"]["updated_at"] == iso(START + timedelta(days=1))


def test_trap_21_and_t17_so_it_is_within_one_second(warehouse, small_pages):
    def change(desk: Tickets, asked) -> None:
        if len(desk.asked) == 3:  # the first page of that second is read by then
            desk.changed[3] = START + timedelta(days=1)

    desk = Tickets(dict.fromkeys(range(1, 36), START), before=change)
    with scripted(desk) as api:
        ingest_freshdesk(freshdesk_at(api.url), warehouse, "tickets")
    assert set(held(warehouse, "tickets")) == {str(number) for number in range(1, 36)}


def test_a_bound_that_leaves_out_its_own_second_loses_nothing(warehouse, small_pages):
    class Exclusive(Tickets):
        def _listed(self, asked):
            later = datetime.fromisoformat(asked.query["updated_since"]) + timedelta(seconds=1)
            asked.query["updated_since"] = iso(later)
            return super()._listed(asked)

    pairs = {number: START + number // 3 * MINUTE for number in range(60)}
    with scripted(Exclusive(pairs)) as api:
        ingest_freshdesk(freshdesk_at(api.url), warehouse, "tickets")
    assert len(held(warehouse, "tickets")) == 60


def test_the_next_run_begins_with_an_overlap_and_a_stopped_one_where_it_stopped(warehouse, small_pages):
    desk = Tickets(steady(40, START))
    with scripted(desk) as api:
        source = freshdesk_at(api.url)
        ingest_freshdesk(source, warehouse, "tickets")
        assert cursor(warehouse, "tickets", "freshdesk") == {"since": iso(START + 35 * MINUTE)}
        # what became visible late, and what changed
        desk.changed[50], desk.changed[1] = START + 37 * MINUTE, START + 50 * MINUTE
        desk.asked.clear()
        result = ingest_freshdesk(source, warehouse, "tickets")
    assert (result.rows_inserted, result.rows_updated) == (1, 1)
    assert len(lists(desk)) == 1


def test_trap_20_deleted_tickets_and_spam_are_looked_for_and_come_back(warehouse, small_pages):
    desk = Tickets(steady(30, START))
    with scripted(desk) as api:
        source = freshdesk_at(api.url)
        ingest_freshdesk(source, warehouse, *HIDDEN)
        desk.where |= {1: "deleted", 2: "spam", 3: "deleted"}
        ingest_freshdesk(source, warehouse, *HIDDEN)
        found = held(warehouse, "tickets")
        assert [one for one, ticket in found.items() if ticket.get("deleted")] == ["1", "3"]
        assert found["1"]["deleted_found_at"] is not None
        assert found["2"]["spam"] is True
        again = ingest_freshdesk(source, warehouse, *HIDDEN)
        assert (again.rows_inserted, again.rows_updated) == (0, 0)
        # one is restored, one is spam no more, one is deleted for good
        desk.where |= {1: "list", 2: "list", 3: "gone"}
        result = ingest_freshdesk(source, warehouse, *HIDDEN)
    found = held(warehouse, "tickets")
    assert not found["1"].get("deleted")
    assert found["2"]["spam"] is False
    assert found["3"]["isDeletedForGood"] is True
    assert "subject" not in found["3"]
    assert result.detail["deleted_for_good"] == {"tickets": 1}


@pytest.mark.parametrize(("there", "pages"), [("deleted", 1), ("spam", 2)])
def test_trap_20_what_a_stopped_reading_marked_and_is_deleted_for_good_then_loses_its_content(warehouse, there, pages):
    desk = Tickets(steady(5, START), notes={3: [30], 4: [40]})
    with scripted(desk) as api:
        source = freshdesk_at(api.url)
        ingest_freshdesk(source, warehouse, *HIDDEN)
        desk.where[3] = there
        landed: list[str] = []

        def stop(stream: str, count: int) -> None:
            landed.append(stream)
            if len(landed) == pages:
                raise Stopped

        with pytest.raises(Stopped):
            ingest_freshdesk(source, warehouse, "hidden_tickets", progress=stop)
        assert held(warehouse, "tickets")["3"][there] is True
        desk.where[3] = "gone"
        ingest_freshdesk(source, warehouse, *HIDDEN)
    assert held(warehouse, "tickets")["3"]["isDeletedForGood"] is True
    assert set(held(warehouse, "conversations")) == {"40"}


def test_trap_20_what_was_deleted_for_good_between_two_runs_is_found_by_the_whole_list(warehouse, small_pages):
    desk = Tickets(steady(40, START), notes={7: [70], 8: [80]})
    with scripted(desk) as api:
        ingest_freshdesk(freshdesk_at(api.url), warehouse, *HIDDEN)
        assert set(held(warehouse, "conversations")) == {"70", "80"}
        desk.where[7] = "gone"
        ingest_freshdesk(freshdesk_at(api.url), warehouse, *HIDDEN)
        assert not held(warehouse, "tickets")["7"].get("deleted")
        desk.asked.clear()
        result = ingest_freshdesk(freshdesk_at(api.url, full_read_days=0), warehouse, *HIDDEN)
        assert result.detail["deleted_for_good"] == {"tickets": 1}
        assert held(warehouse, "tickets")["7"]["isDeletedForGood"] is True
        assert set(held(warehouse, "conversations")) == {"80"}
        # nobody else was asked for
        assert [asked.path for asked in desk.asked if asked.path[-1].isdigit()] == ["/api/v2/tickets/7"]
        again = ingest_freshdesk(freshdesk_at(api.url, full_read_days=0), warehouse, *HIDDEN)
    assert (again.rows_updated, again.detail["deleted_for_good"]) == (0, {})


def test_a_whole_reading_that_is_stopped_goes_on_where_it_was(warehouse, small_pages):
    desk = Tickets(steady(60, START))
    with scripted(desk) as api:
        source = freshdesk_at(api.url, full_read_days=0)
        ingest_freshdesk(source, warehouse, "tickets", "all_tickets")

        def stop(desk: Tickets, asked) -> None:
            if len(lists(desk)) == 4:
                raise ConnectionResetError

        desk.asked.clear()
        desk.before = stop
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client, "ATTEMPTS", 1)
            with pytest.raises(SourceError, match="all_tickets"):
                ingest_freshdesk(source, warehouse, "all_tickets")
        assert cursor(warehouse, "all_tickets", "freshdesk")["since"] > iso(START + 25 * MINUTE)
        desk.before = None
        desk.where[2], desk.where[55] = "gone", "gone"
        desk.asked.clear()
        ingest_freshdesk(source, warehouse, "all_tickets")
    assert lists(desk)[0]["updated_since"] > iso(START + 25 * MINUTE)
    assert held(warehouse, "tickets")["55"]["isDeletedForGood"] is True


def test_t10_a_run_that_ends_before_the_conversations_leaves_them_to_the_next(warehouse, small_pages):
    desk = Tickets(steady(30, START), notes={number: [number * 10] for number in range(1, 31)})
    with scripted(desk) as api:
        source = freshdesk_at(api.url)
        ingest_freshdesk(source, warehouse, "tickets")
        assert held(warehouse, "conversations") == {}

        def stop(desk: Tickets, asked) -> None:
            if asked.path.endswith("/conversations") and len(desk.asked) == 17:
                raise ConnectionResetError

        desk.before = stop
        desk.asked.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client, "ATTEMPTS", 1)
            patch.setattr(conversations, "TOGETHER", 5)
            with pytest.raises(SourceError, match="conversations"):
                ingest_freshdesk(source, warehouse, "conversations")
            assert len(held(warehouse, "conversations")) == 15
            desk.before = None
            desk.asked.clear()
            ingest_freshdesk(source, warehouse, "conversations")
    assert len(held(warehouse, "conversations")) == 30
    assert len(desk.asked) == 15


def test_t5_and_t11_conversations_are_read_again_page_by_page_whenever_their_ticket_changed(warehouse, monkeypatch):
    monkeypatch.setattr(conversations, "PER_PAGE", 2)
    desk = Tickets(steady(3, START), notes={1: [11, 12, 13, 14, 15], 2: [21]})
    with scripted(desk) as api:
        source = freshdesk_at(api.url)
        ingest_freshdesk(source, warehouse, *HIDDEN)
        assert set(held(warehouse, "conversations")) == {"11", "12", "13", "14", "15", "21"}
        # one more, of an old ticket; one is taken away
        desk.changed[1] = START + timedelta(days=9)
        desk.notes[1] = [11, 12, 14, 15, 16]
        desk.asked.clear()
        ingest_freshdesk(source, warehouse, *HIDDEN)
    assert set(held(warehouse, "conversations")) == {"11", "12", "14", "15", "16", "21"}
    assert {asked.path for asked in desk.asked if "conversations" in asked.path} == {"/api/v2/tickets/1/conversations"}
