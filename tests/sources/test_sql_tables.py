"""Tables that are read by mapping: order, late and tied rows, interruptions, bad rows, rows that are gone; and who may be asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from touchstone.daily import ingest_source
from touchstone.errors import SourceError
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.sources.result import IngestResult
from touchstone.sources.sql import connector as sql_connector
from touchstone.sources.sql.values import as_id
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
FIRST = datetime(2026, 3, 1, 9, tzinfo=UTC)
_names = itertools.count(1)
FIELDS = {
    "interaction_id": "chat",
    "actor": {"column": "by", "values": {"user": "customer", "bot": "ai_agent"}},
    "sent_at": "said",
    "text": "body",
}
LINES = "create table lines (id integer primary key, chat text, by text, said text, body, changed text, extra text)"


class Desk:
    """A file of SQLite with one table of messages, and an instance of the source of its own."""

    def __init__(self, settings: Settings, folder: Any, **given: Any) -> None:
        self.settings = settings
        self.name = f"desk{next(_names)}"
        path = folder / f"{self.name}.db"
        self.engine = sa.create_engine(f"sqlite:///{path}")
        self.run(LINES)
        self.table = {"kind": "messages", "table": "lines", "id": "id", "cursor": "changed", "fields": FIELDS} | given
        self.tables: list[dict[str, Any]] = []  # instead of the one, where a test is about several
        self.options = {"url": f"sqlite:///{path}", "time_zone": "UTC"}

    def run(self, statement: str, *rows: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), list(rows)) if rows else connection.execute(sa.text(statement))

    def say(self, number: int, minutes: float = 0, **given: Any) -> None:
        moment = (FIRST + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S")
        row = {
            "id": number,
            "chat": "c1",
            "by": "user",
            "said": moment,
            "body": f"text {number}",
            "changed": moment,
            "extra": None,
        }
        row |= given
        self.run(f"insert into lines ({', '.join(row)}) values ({', '.join(f':{name}' for name in row)})", row)

    @property
    def source(self) -> SourceInstance:
        tables = self.tables or [self.table]
        entry = {"source": "sql", "instance": self.name, "start": "2026-01-01", "tables": tables, **self.options}
        return SourceInstance(parsed(entry, "the test's entry"))

    def ingest(self, as_of: datetime = AS_OF) -> IngestResult:
        return ingest_source(self.source, as_of=as_of, settings=self.settings)

    def _asked(self, query: str) -> list[tuple]:
        with connect(settings=self.settings) as connection:
            return connection.execute(query, [self.name]).fetchall()

    @property
    def held(self) -> dict[str, dict[str, Any]]:
        return dict(self._asked("select id, payload from raw_sql.messages where instance = %s"))

    @property
    def interactions(self) -> dict[str, str | None]:
        return dict(self._asked("select id, interaction_id from raw_sql.messages where instance = %s"))

    @property
    def texts(self) -> set[str]:
        return {payload.get("text") for payload in self.held.values()}

    @property
    def quarantined(self) -> list[tuple]:
        return self._asked("select reason_code, reason, remedy from ops.quarantine where instance = %s order by reason")

    @property
    def state(self) -> dict[str, Any]:
        ((state,),) = self._asked("select state from ops.cursors where instance = %s")
        return state


@pytest.fixture
def desk(warehouse, tmp_path) -> Callable[..., Desk]:
    return lambda **given: Desk(warehouse, tmp_path, **given)


@pytest.fixture
def small_pages(monkeypatch) -> None:
    monkeypatch.setattr(sql_connector, "PAGE_ROWS", 3)


# --- order


def test_rows_that_share_a_cursor_are_not_lost_at_a_pages_border_t3(desk, small_pages):
    one = desk()
    for number in range(1, 12):
        one.say(number, minutes=number // 8)
    result = one.ingest()
    assert len(one.held) == result.rows_inserted == 11


def test_a_row_that_is_committed_late_arrives_in_the_next_run_t22(desk):
    one = desk()
    one.say(1)
    one.say(3, minutes=30)
    one.ingest()
    one.say(2, minutes=5)
    result = one.ingest()
    assert one.texts == {"text 1", "text 2", "text 3"}
    assert (result.rows_inserted, result.rows_updated) == (1, 0)


def test_a_number_that_is_committed_late_arrives_too_t22(desk):
    one = desk(cursor="id")
    one.say(1)
    one.say(50)
    one.ingest()
    one.say(49)
    one.ingest()
    assert len(one.held) == 3


def test_what_was_uncommitted_when_a_long_walk_passed_it_lies_within_the_next_overlap_t22(
    desk, small_pages, monkeypatch
):
    """The walk goes on for hours while rows keep coming: its bound is the newest row of its beginning."""
    one = desk()
    for number in range(1, 10):
        one.say(number, minutes=number)
    mapped = sql_connector.Mapper.records
    pages = []

    def while_it_is_read(self, rows):
        pages.append(rows)
        if len(pages) == 1:
            one.say(100, minutes=500)
        return mapped(self, rows)

    monkeypatch.setattr(sql_connector.Mapper, "records", while_it_is_read)
    one.ingest()
    assert "100" not in one.held
    one.say(10, minutes=0.5)  # was open all the while, and is far behind the newest row
    one.ingest()
    assert {"10", "100"} <= one.held.keys()


def test_an_edit_under_an_older_time_still_lands_t23(desk):
    one = desk()
    one.say(1, minutes=20)
    one.ingest()
    one.run("update lines set body = 'corrected', changed = '2026-03-01 09:10:00'")
    assert one.ingest().rows_updated == 1
    assert one.texts == {"corrected"}


def test_a_wrong_time_in_the_future_hides_nothing(desk):
    one = desk()
    one.say(1, changed="2099-01-01 00:00:00")
    one.ingest(FIRST + timedelta(hours=1))
    one.say(2, minutes=90)
    one.ingest(FIRST + timedelta(hours=2))
    assert one.texts == {"text 1", "text 2"}


def test_the_hour_that_a_wall_clock_goes_back_is_read_again(desk):
    one = desk(overlap=60)
    one.options["time_zone"] = "Europe/Berlin"
    one.say(1, changed="2026-03-29 02:59:00")
    one.ingest()
    one.say(2, changed="2026-03-29 02:01:00")
    one.ingest()
    assert len(one.held) == 2


def test_rows_without_a_place_in_the_order_are_quarantined_until_they_have_one(desk):
    one = desk()
    one.say(1)
    one.say(2, changed=None)
    result = one.ingest()
    # what is refused of a known conversation leaves a mark at it
    assert (result.rows_in, result.rows_quarantined) == (2 + 1, 1)
    assert [code for code, _, _ in one.quarantined] == ["row_key_missing"]
    assert one.held["2"] == {"interaction_id": "c1", "refused": "row_key_missing", "message_id": "2"}
    assert "1 rows or more have no place" in result.detail["warnings"][0]
    one.table["cursor"] = ["changed", "said"]
    assert one.ingest().rows_quarantined == 0
    assert len(one.held) == 2
    assert one.held["2"]["text"] == "text 2"


def test_a_message_without_an_id_marks_its_conversation_until_it_has_one(desk):
    one = desk(id="ref", reconcile="daily", id_prefix="a/")
    one.run("alter table lines add column ref text")
    one.say(1, ref="r1")
    one.say(2, minutes=1, chat="c2", ref=None)
    one.say(3, minutes=2, chat="c2", ref=None)
    one.ingest()
    mark = {"interaction_id": "c2", "refused": "row_key_missing", "message_id": "#no-id/c2"}
    assert one.held["a/#no-id/c2"] == mark
    assert one.interactions["a/#no-id/c2"] == "c2"
    one.run("update lines set ref = 'r2' where id = 2")
    # a comparison of ids does not take the mark for a row that is gone
    one.ingest(AS_OF + timedelta(days=1))
    assert one.held["a/#no-id/c2"] == mark
    one.run("update lines set ref = 'r3' where id = 3")
    one.ingest(AS_OF + timedelta(days=2))
    assert one.held["a/#no-id/c2"]["archived"] is True
    assert "refused" not in one.held["a/#no-id/c2"]
    assert one.texts - {None} == {"text 1", "text 2", "text 3"}


def test_a_database_that_repeats_its_page_ends_the_walk_t2(desk, monkeypatch):
    """As one that keeps finer times than its driver tells."""
    one = desk()
    one.say(1)
    page = sql_connector._Walk._rows

    def repeated(self, after, after_id, bound):
        return page(self, None, None, bound)

    monkeypatch.setattr(sql_connector._Walk, "_rows", repeated)
    with pytest.raises(SourceError, match="stands still"):
        one.ingest()


def test_rows_that_a_query_repeats_land_once(desk, small_pages):
    one = desk(query="select * from lines union all select * from lines union all select * from lines", table=None)
    one.say(1)
    one.ingest()
    assert len(one.held) == 1


# --- interruptions


def test_a_crash_between_rows_and_state_leaves_neither_t22(desk, monkeypatch):
    one = desk()
    one.say(1)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "write_cursor", _crash)
        with pytest.raises(RuntimeError):
            one.ingest()
    assert one.held == {}
    one.ingest()
    result = one.ingest()
    assert (len(one.held), result.rows_inserted) == (1, 0)


def test_a_walk_that_was_stopped_goes_on_at_its_row_t6_t8(desk, small_pages, monkeypatch):
    """However many rows share a cursor, and however often a run is stopped, it comes forward."""
    one = desk()
    for number in range(1, 13):
        one.say(number)
    mapped = sql_connector.Mapper.records
    read: list[int] = []

    def third_page_fails(self, rows):
        if len(read) == 6:
            raise SourceError("the machine", "went down", "")
        read.extend(row["id"] for row in rows)
        return mapped(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(sql_connector.Mapper, "records", third_page_fails)
        with pytest.raises(SourceError):
            one.ingest()
    assert len(one.held) == 6
    assert one.ingest().rows_in == 6
    assert len(one.held) == 12
    assert "walk" not in one.state


def test_a_changed_mapping_reads_its_table_again(desk):
    one = desk(cursor="id", overlap=0)
    one.say(1)
    one.say(2)
    one.ingest()
    assert one.ingest().rows_in == 1
    one.table["fields"] = FIELDS | {"intent": "extra"}
    result = one.ingest()
    assert result.rows_in == 2
    assert "mapping has changed" in result.detail["warnings"][0]


def living(one: Desk) -> set[str]:
    return {name for name, payload in one.held.items() if not payload.get("archived")}


@pytest.mark.parametrize("reconcile", [None, "weekly"])
@pytest.mark.parametrize(("before", "after"), [("", "b/"), ("a/", "b/"), ("a/", "")])
def test_another_prefix_leaves_no_row_under_the_one_of_before(desk, before, after, reconcile, monkeypatch):
    monkeypatch.setattr(sql_connector, "ID_ROWS", 2)
    one = desk(id_prefix=before, reconcile=reconcile)
    for number in range(1, 6):
        one.say(number, minutes=number)
    one.ingest()
    one.table["id_prefix"] = after
    result = one.ingest()
    assert living(one) == {f"{after}{number}" for number in range(1, 6)}
    assert result.detail["deleted_for_good"] == {"messages": 5}
    assert "former" not in one.state
    assert one.ingest().detail["deleted_for_good"] == {}


@pytest.mark.parametrize(
    "change",
    [{"id": "ref"}, {"where": {"by": "bot"}}, {"table": "others"}, {"query": "select * from others", "table": None}],
)
def test_what_a_changed_mapping_does_not_find_is_gone(desk, change):
    one = desk()
    one.run("alter table lines add column ref text")
    for number in range(1, 4):
        one.say(number, minutes=number, ref=f"r{number}", by="bot" if number == 2 else "user")
    one.run("create table others as select * from lines where by = 'bot'")
    one.ingest()
    one.table |= change
    one.ingest()
    assert living(one) == ({"r1", "r2", "r3"} if "id" in change else {"2"})


def test_what_another_table_of_the_kind_holds_stays_where_a_prefix_changes(desk):
    one = desk()
    one.run("create table others as select * from lines")
    one.say(1)
    one.run("insert into others select * from lines")
    one.ingest()
    # the other table is read first, and all ids begin with the prefix of before
    one.tables = [one.table | {"name": "more", "table": "others", "id_prefix": "b/"}, one.table | {"id_prefix": "a/"}]
    one.ingest()
    assert living(one) == {"a/1", "b/1"}


def test_a_comparison_after_a_change_is_made_up_for_where_it_was_stopped(desk, monkeypatch):
    one = desk(id_prefix="a/")
    one.say(1)
    one.ingest()
    one.table["id_prefix"] = "b/"
    with monkeypatch.context() as patch:
        patch.setattr(sql_connector._Walk, "_uncovered", _crash)
        with pytest.raises(RuntimeError):
            one.ingest()
    one.ingest()
    assert living(one) == {"b/1"}


def _crash(*_given: Any) -> None:
    raise RuntimeError("gone")


# --- what rows say


def test_a_bad_row_is_quarantined_with_its_reason_and_lands_once_it_is_corrected(desk):
    one = desk()
    one.say(1)
    one.say(2, by="robot")
    one.say(3, said=None)
    one.say(4, chat=None)
    one.say(5, said="yesterday")
    result = one.ingest()
    assert result.rows_in == 5 + 3  # what is refused of a known conversation leaves a mark at it
    assert {code for code, _, _ in one.quarantined} == {
        "actor_unknown",
        "sent_at_missing",
        "interaction_id_missing",
        "time_unparsable",
    }
    reason = next(reason for code, reason, _ in one.quarantined if code == "actor_unknown")
    assert reason.startswith("a record of messages of lines with id 2: actor 'robot' is not one of")
    assert one.held["2"]["refused"] == "actor_unknown"
    assert "4" not in one.held
    one.run("update lines set by = 'bot' where id = 2")
    one.ingest()
    assert one.held["2"]["actor"] == "ai_agent"
    assert "refused" not in one.held["2"]


def test_what_is_no_number_and_what_is_missing_is_refused(desk):
    accounts = desk(kind="accounts", fields={"account_id": "chat", "arr": "extra"})
    accounts.say(1, extra="12000.50")
    accounts.say(2, extra="lots")
    accounts.ingest()
    assert [(code, remedy) for code, _, remedy in accounts.quarantined] == [
        ("number_expected", "Write it as a number, or leave it out.")
    ]
    changes = desk(kind="status_changes", fields={"interaction_id": "chat", "status": "extra", "changed_at": "said"})
    changes.say(1, extra="open")
    changes.say(2)
    changes.ingest()
    assert [(code, remedy) for code, _, remedy in changes.quarantined] == [
        ("field_missing", "Map a column that always says it, or give the field a `default:`.")
    ]


def test_times_without_a_zone_need_one(desk):
    one = desk()
    one.options["time_zone"] = None
    one.say(1)
    one.ingest()
    assert [(code, remedy) for code, _, remedy in one.quarantined] == [
        ("time_without_zone", "Set `time_zone:` of the instance.")
    ]
    one.options["time_zone"] = "Europe/Berlin"
    one.run("update lines set changed = '2026-03-01 09:00:01'")
    one.ingest()
    assert one.held["1"]["sent_at"] == "2026-03-01T08:00:00.000000Z"


def test_what_no_field_takes_lands_unless_it_is_left_out(desk):
    one = desk()
    one.say(1, extra="seen")
    one.ingest()
    assert one.held["1"]["raw"] == {"changed": "2026-03-01 09:00:00", "extra": "seen"}
    one.table |= {"leave_out": ["extra", "changed"], "fields": FIELDS | {"intent": "extra"}}
    one.ingest()
    assert "raw" not in one.held["1"]
    assert one.held["1"]["intent"] == "seen"


def test_fields_come_from_json_constants_defaults_and_units(desk):
    fields = FIELDS | {
        "text": {"column": "body", "path": "parts.0.text", "default": ""},
        "sent_at": {"column": "said", "unit": "milliseconds"},
        "channel": {"constant": "chat"},
        "actor": {"column": "by", "values": {0: "customer"}, "default": "system"},
        "tags": {"column": "extra", "path": "tags"},
    }
    one = desk(fields=fields, cursor="id")
    one.say(1, by=0, said=1772355600123, body='{"parts": [{"text": "hello"}]}', extra='{"tags": ["vip"]}')
    one.say(2, by=7, said=1772355600123, body='{"parts": []}')
    one.ingest()
    first, second = one.held["1"], one.held["2"]
    assert (first["text"], first["actor"], first["sent_at"]) == ("hello", "customer", "2026-03-01T09:00:00.123000Z")
    assert first["conversation"] == {"channel": "chat", "tags": ["vip"]}
    assert (second["text"], second["actor"]) == ("", "system")


def test_characters_that_cannot_be_held_are_replaced_and_counted_t24(desk):
    one = desk()
    one.say(1, body="a\x00b", extra="c\x00d")
    result = one.ingest()
    assert one.held["1"]["text"] == "a\ufffdb"
    assert one.held["1"]["raw"]["extra"] == "c\ufffdd"
    assert result.replaced_characters == 2


def test_binary_ids_are_written_in_hexadecimal_and_found_again(desk):
    """Bytes that are no text, such as a UUID of sixteen bytes; two of them differ in nothing that is UTF-8."""
    one = desk(id="key", cursor="id", reconcile="daily", fields=FIELDS | {"actor_id": "speaker"})
    one.run("alter table lines add column key blob")
    one.run("alter table lines add column speaker blob")
    keys = [bytes([0, 255, number]) for number in (253, 254)]
    for number, key in enumerate(keys, start=1):
        one.say(number, key=key, chat=b"\xfe\x00", speaker=b"\xfd")
    one.ingest()
    assert set(one.held) == {"00fffd", "00fffe"}
    assert {(row["interaction_id"], row["actor_id"]) for row in one.held.values()} == {("fe00", "fd")}
    one.run("delete from lines where id = 2")
    one.ingest(AS_OF + timedelta(days=1))
    assert living(one) == {"00fffd"}


def test_an_id_with_a_character_that_cannot_be_held_lands_and_is_not_taken_for_gone(desk):
    one = desk(id="key", cursor="id", reconcile="daily")
    one.run("alter table lines add column key text")
    one.say(1, key="a\x00b")
    one.ingest()
    one.ingest(AS_OF + timedelta(days=1))
    assert living(one) == {"a\ufffdb"}


@pytest.mark.parametrize(
    ("text", "sample", "expected"),
    [
        ("00ff", b"x", b"\x00\xff"),
        ("2026-03-01", date(2026, 1, 1), date(2026, 3, 1)),
        ("2026-03-01T09:00:00", datetime(2026, 1, 1), datetime(2026, 3, 1, 9)),  # noqa: DTZ001
        ("7", Decimal(1), Decimal(7)),
        ("a/7", 1, None),
        ("7", UUID(int=1), None),
        ("words", Decimal(1), None),
    ],
)
def test_a_landed_id_is_asked_for_in_the_type_of_its_column(text, sample, expected):
    assert as_id(text, sample) == expected


def test_what_is_left_out_does_not_reach_the_quarantine_either(desk):
    one = desk(leave_out=["extra"])
    one.say(1, by="robot", extra="canary-77")
    one.ingest()
    ((piece,),) = one._asked("select payload from ops.quarantine where instance = %s")
    assert "canary-77" not in piece
    assert "robot" in piece


def test_another_type_or_column_lands_and_is_told_t26(desk):
    one = desk()
    one.say(1, extra="text")
    one.ingest()
    one.run("alter table lines add column fresh text")
    one.say(2, minutes=1, extra=5, fresh="new")
    changes = {change["field"] for change in one.ingest().detail["schema_changes"]}
    assert "raw.fresh" in changes
    assert one.held["2"]["raw"]["fresh"] == "new"


def test_words_of_customers_and_odd_names_are_never_code(desk):
    one = desk(table='we"ird; drop table lines', where={'b"y': ["user", "x'); drop table lines; --"]}, id="i d")
    one.run(
        """create table "we""ird; drop table lines" ("i d" text, "b""y" text, chat text, said text, body text, changed text)"""
    )
    one.table["fields"] = FIELDS | {"actor": {"column": 'b"y', "values": {"user": "customer"}}}
    one.run(
        """insert into "we""ird; drop table lines" values (:a, 'user', 'c', '2026-03-01 09:00:00', :a, '2026-03-01 09:00:00')""",
        {"a": "'; drop table lines; --"},
    )
    one.ingest()
    assert one.texts == {"'; drop table lines; --"}
    one.say(1)


# --- rows that are gone


def test_a_table_whose_rows_are_deleted_is_compared_by_id(desk, monkeypatch):
    monkeypatch.setattr(sql_connector, "ID_ROWS", 2)
    one = desk(reconcile="weekly")
    for number in range(1, 8):
        one.say(number, minutes=number)
    one.ingest()
    one.run("delete from lines where id in (2, 5, 6)")
    assert one.ingest(AS_OF + timedelta(days=6)).detail["deleted_for_good"] == {}
    result = one.ingest(AS_OF + timedelta(days=7))
    assert result.detail["deleted_for_good"] == {"messages": 3}
    assert {name for name, payload in one.held.items() if payload.get("archived")} == {"2", "5", "6"}
    assert one.held["5"] == {"interaction_id": "c1", "message_id": "5", "archived": True}
    assert one.ingest(AS_OF + timedelta(days=14)).detail["deleted_for_good"] == {}


def test_an_emptied_table_is_not_believed(desk):
    one = desk(reconcile="daily", cursor="id")
    one.say(1)
    one.ingest()
    one.run("delete from lines")
    detail = one.ingest(AS_OF + timedelta(days=1)).detail
    assert "holds no row any more" in detail["warnings"][0]
    assert detail["deleted_for_good"] == {}
    assert "archived" not in one.held["1"]


def test_a_row_that_says_when_it_was_deleted_leaves(desk):
    one = desk(fields=FIELDS | {"deleted_at": "extra"})
    one.say(1)
    one.ingest()
    one.run("update lines set extra = '2026-03-02 00:00:00', changed = '2026-03-02 00:00:00'")
    one.ingest()
    assert one.held["1"]["archived"] is True
