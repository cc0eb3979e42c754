"""What the bugs of other extractors teach, each by its number: walks end, lose nothing, and go on where they stopped."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted import Answer, Asked, scripted
from toolbox import AS_OF, cursor, ingest_zendesk, payloads, rows, zendesk_at

from touchstone.errors import SourceError

NOW = int(AS_OF.timestamp())


@pytest.fixture(autouse=True)
def empty(warehouse):
    from touchstone.warehouse.engine import connect

    with connect(settings=warehouse) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'raw_zendesk'"
            )
        ]
        connection.execute(
            f"truncate {', '.join(tables)}, ops.cursors, ops.source_fields, ops.quarantine, ops.loads, ops.runs cascade"
        )


def ticket(number: int, at: int, **fields: object) -> dict:
    return {"id": number, "status": "open", "generated_timestamp": at, "updated_at": "2026-03-01T00:00:00Z", **fields}


class TimeExport:
    """An export by time over events that become visible as the clock moves; pages repeat what shares a border's second."""

    def __init__(self, events: list[dict], page: int = 100) -> None:
        self.events, self.page, self.clock = sorted(events, key=lambda event: event["timestamp"]), page, NOW

    def __call__(self, asked: Asked) -> Answer:
        since = int(asked.query["start_time"])
        seen = [event for event in self.events if since <= event["timestamp"] <= self.clock - 60]
        page = seen[: self.page]
        if page:  # a page never ends within a second
            page = [event for event in seen if event["timestamp"] <= page[-1]["timestamp"]]
        end_time = page[-1]["timestamp"] if page else since
        is_over = len(page) == len(seen)
        return Answer({"ticket_events": page, "end_time": end_time, "count": len(page), "end_of_stream": is_over})


def event(number: int, at: int, **fields: object) -> dict:
    return {"id": number, "ticket_id": number % 50, "timestamp": at, "created_at": "2026-03-01T00:00:00Z", **fields}


def test_t1_the_next_start_comes_from_the_answer_not_from_a_clock(warehouse):
    api = TimeExport([event(1, NOW - 300), event(2, NOW - 180)])
    with scripted(api) as server:
        ingest_zendesk(zendesk_at(server.url), warehouse, "ticket_events")
        assert cursor(warehouse, "ticket_events") == {"start_time": NOW - 180}
        api.events.append(event(3, NOW - 120))  # older than the first run's present, and visible only now
        ingest_zendesk(zendesk_at(server.url), warehouse, "ticket_events")
    assert set(payloads(warehouse, "zendesk.ticket_events")) == {"1", "2", "3"}


@pytest.mark.parametrize("says_end", [True, False])
def test_t2_a_page_that_names_itself_as_the_next_does_not_loop(warehouse, says_end):
    page = {"ticket_events": [event(1, NOW - 500)], "end_time": NOW - 500, "next_page": "same", "count": 1}
    with scripted(lambda asked: Answer({**page, "end_of_stream": says_end})) as server:
        source = zendesk_at(server.url)
        if says_end:
            ingest_zendesk(source, warehouse, "ticket_events")
        else:
            with pytest.raises(SourceError, match="stands still"):
                ingest_zendesk(source, warehouse, "ticket_events")
        assert len(server.asked) <= 2
    assert set(payloads(warehouse, "zendesk.ticket_events")) == {"1"}  # what it gave has landed


@pytest.mark.parametrize("answer", [{"tickets": [], "after_cursor": "c1"}, {"tickets": [], "after_cursor": None}])
def test_t2_a_cursor_that_does_not_move_does_not_loop(warehouse, answer):
    with scripted(lambda asked: Answer({**answer, "end_of_stream": False})) as server:
        with pytest.raises(SourceError, match="stands still"):
            ingest_zendesk(zendesk_at(server.url), warehouse, "tickets")
        assert len(server.asked) <= 3


def test_t3_more_rows_in_one_second_than_a_page_holds_arrive_once(warehouse):
    api = TimeExport([event(number, NOW - 900) for number in range(1500)] + [event(2000, NOW - 800)], page=1000)
    with scripted(api) as server:
        result = ingest_zendesk(zendesk_at(server.url), warehouse, "ticket_events")
    assert rows(warehouse, "select count(*), count(distinct id) from raw_zendesk.ticket_events") == [(1501, 1501)]
    assert result.rows_inserted == 1501


def cursor_pages(pages: list[list[dict]], before: Callable[[int], Answer | None] = lambda number: None):
    """A cursor export of fixed pages; the cursor is the number of the next one."""

    def answer(asked: Asked) -> Answer:
        number = int(asked.query.get("cursor", 0))
        fault = before(number)
        if fault:
            return fault
        page = pages[number] if number < len(pages) else []
        following = min(number + 1, len(pages))
        return Answer({"tickets": page, "after_cursor": str(following), "end_of_stream": number >= len(pages) - 1})

    return answer


def test_t6_t8_a_walk_that_is_stopped_goes_on_at_its_page(warehouse):
    pages = [[ticket(page * 10 + row, NOW - 900 + page) for row in range(10)] for page in range(6)]
    broken = {3}
    with scripted(cursor_pages(pages, lambda number: Answer(status=400) if number in broken else None)) as server:
        source = zendesk_at(server.url)
        with pytest.raises(SourceError, match="tickets"):
            ingest_zendesk(source, warehouse, "tickets")
        assert cursor(warehouse, "tickets") == {"cursor": "3"}
        assert len(payloads(warehouse, "zendesk.tickets")) == 30
        broken.clear()
        before = len(server.asked)
        result = ingest_zendesk(source, warehouse, "tickets")
        assert [asked.query.get("cursor") for asked in server.asked[before:]] == ["3", "4", "5"]
    assert (result.rows_in, result.rows_inserted) == (30, 30)
    assert len(payloads(warehouse, "zendesk.tickets")) == 60


def test_t22_rows_and_cursor_are_one_transaction(warehouse):
    """The database refuses the cursor: the page's rows are not there either, and nothing is doubled afterwards."""
    from touchstone.warehouse.engine import connect

    refuse = """
        create function ops.refuse() returns trigger language plpgsql as $$ begin raise 'the cursor is refused'; end $$;
        create trigger refuse before insert or update on ops.cursors for each row execute function ops.refuse();
    """
    with scripted(cursor_pages([[ticket(1, NOW - 900)]])) as server:
        source = zendesk_at(server.url)
        with connect(settings=warehouse) as connection:
            connection.execute(refuse)
        with pytest.raises(Exception, match="the cursor is refused"):
            ingest_zendesk(source, warehouse, "tickets")
        assert payloads(warehouse, "zendesk.tickets") == {}
        with connect(settings=warehouse) as connection:
            connection.execute("drop trigger refuse on ops.cursors; drop function ops.refuse()")
        ingest_zendesk(source, warehouse, "tickets")
        result = ingest_zendesk(source, warehouse, "tickets")
    assert len(payloads(warehouse, "zendesk.tickets")) == 1
    assert result.rows_inserted == 0


def test_t23_a_system_update_with_an_old_updated_at_overwrites(warehouse):
    first = ticket(1, NOW - 900, updated_at="2026-03-20T00:00:00Z")
    later = ticket(1, NOW - 500, updated_at="2026-03-20T00:00:00Z", status="closed")
    older = ticket(1, NOW - 1000, updated_at="2026-03-30T00:00:00Z", status="pending")
    with scripted(cursor_pages([[first], [later], [older]])) as server:
        ingest_zendesk(zendesk_at(server.url), warehouse, "tickets")
    assert payloads(warehouse, "zendesk.tickets")["1"]["status"] == "closed"
    assert rows(warehouse, "select payload ->> 'status' from raw_zendesk.tickets_history") == [("open",)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_t25_of_two_versions_in_one_page_the_newer_stays(warehouse, order):
    versions = [ticket(1, NOW - 900, status="open"), ticket(1, NOW - 800, status="solved")]
    with scripted(cursor_pages([[versions[number] for number in order]])) as server:
        result = ingest_zendesk(zendesk_at(server.url), warehouse, "tickets")
    assert payloads(warehouse, "zendesk.tickets")["1"]["status"] == "solved"
    assert (result.rows_in, result.rows_inserted, result.rows_unchanged) == (2, 1, 1)


def test_t26_a_field_that_changes_its_type_lands_keeps_its_history_and_is_told(warehouse):
    stated = [{"id": 900004, "value": 5}]
    pages = [[ticket(1, NOW - 900, custom_fields=stated)]]
    with scripted(cursor_pages(pages)) as server:
        source = zendesk_at(server.url)
        assert ingest_zendesk(source, warehouse, "tickets").detail["schema_changes"] == []
        pages.append(
            [
                ticket(1, NOW - 800, custom_fields=[{"id": 900004, "value": "five"}], status="escalated"),
                ticket(2, NOW - 700, custom_fields=[{"id": 900004, "value": 6}], colour="red"),
            ]
        )
        changes = ingest_zendesk(source, warehouse, "tickets").detail["schema_changes"]
    assert {(change["field"], change["kind"], change["content"]) for change in changes} == {
        ("custom_fields.900004", "type", "string"),
        ("status", "value", "escalated"),
        ("colour", "type", "string"),
    }
    held = payloads(warehouse, "zendesk.tickets")
    assert held["1"]["custom_fields"][0]["value"] == "five"
    assert held["2"]["colour"] == "red"
    assert rows(warehouse, "select payload -> 'custom_fields' from raw_zendesk.tickets_history") == [(stated,)]
    assert rows(warehouse, "select count(*) from ops.source_fields where is_change") == [(3,)]


def test_a_record_without_an_id_is_quarantined_and_the_rest_lands(warehouse):
    with scripted(cursor_pages([[ticket(1, NOW - 900), {"status": "open"}, "gone", ticket(2, NOW - 800)]])) as server:
        result = ingest_zendesk(zendesk_at(server.url), warehouse, "tickets")
    assert (result.rows_in, result.rows_inserted, result.rows_quarantined) == (4, 2, 2)
    codes = rows(warehouse, "select reason_code, reason from ops.quarantine order by 1")
    assert codes == [
        ("record_id_missing", "a record of tickets has no id"),
        ("record_not_an_object", "a record of tickets is not a JSON object"),
    ]


def test_t24_nul_and_lone_surrogates_land_replaced_and_counted(warehouse):
    body = rb'{"tickets": [{"id": 1, "generated_timestamp": 5, "subject": "a\u0000b \ud800"}], "after_cursor": "1", "end_of_stream": true}'
    with scripted([Answer(body)]) as server:
        result = ingest_zendesk(zendesk_at(server.url), warehouse, "tickets")
    assert payloads(warehouse, "zendesk.tickets")["1"]["subject"] == "a\ufffdb \ufffd"
    assert result.replaced_characters == 2


def test_a_stream_that_fails_does_not_stop_the_others(warehouse):
    api = TimeExport([event(1, NOW - 300)])

    def answer(asked: Asked) -> Answer:
        return api(asked) if "ticket_events" in asked.path else Answer({"error": "nope"}, status=400)

    with scripted(answer) as server, pytest.raises(SourceError, match=r"1 of its streams stopped.*tickets"):
        ingest_zendesk(zendesk_at(server.url), warehouse, "tickets", "ticket_events")
    assert set(payloads(warehouse, "zendesk.ticket_events")) == {"1"}
    status, detail = rows(warehouse, "select status, detail from ops.runs where step = 'ingest'")[0]
    assert status == "failed"
    assert list(detail["failed_streams"]) == ["tickets"]


def test_a_page_that_is_too_slow_is_asked_for_in_smaller_pieces(warehouse):
    def answer(asked: Asked) -> Answer:
        if int(asked.query["per_page"]) > 250:
            return Answer(status=504)
        return Answer({"tickets": [ticket(1, NOW - 900)], "after_cursor": "1", "end_of_stream": True})

    with scripted(answer) as server:
        ingest_zendesk(zendesk_at(server.url), warehouse, "tickets")
        assert server.asked[-1].query["per_page"] == "250"
    assert len(payloads(warehouse, "zendesk.tickets")) == 1
