"""Spans from files and from a table: both conventions, every form of ids and values, files that grow, rotate and break."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from touchstone.errors import ConfigurationError, SourceError
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.http import runner
from touchstone.sources.options import parsed
from touchstone.sources.otel import files, table
from touchstone.sources.otel.connector import OtelConnector
from touchstone.sources.otel.otlp import attributes, identity, spans_of
from touchstone.warehouse.engine import connect

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
BEGAN = int(datetime(2026, 3, 10, 10, tzinfo=UTC).timestamp()) * 1_000_000_000
_numbers = itertools.count(1)


class Stopped(BaseException):
    """What ends a run at once, as a kill does."""


class OtelPlace:
    """A source instance of its own that reads a folder or a table."""

    def __init__(self, settings: Settings, secrets: dict[str, str] | None = None, **options: Any) -> None:
        self.settings = settings
        self.instance = f"o{next(_numbers)}"
        self._secrets = secrets or {}
        entry = {"source": "otel", "instance": self.instance, "start": "2026-03-01", **options}
        self.source = SourceInstance(parsed(entry, "the test's entry"))

    def run(self, **more: Any):
        given = {"as_of": AS_OF, "settings": self.settings, "secrets": self._secrets, **more}
        return runner.ingest(OtelConnector(), self.source, **given)

    def run_until(self, pages: int) -> None:
        left = itertools.count(pages - 1, -1)

        def progress(stream: str, count: int) -> None:
            if next(left) == 0:
                raise Stopped

        with pytest.raises(Stopped):
            self.run(progress=progress)

    def check(self) -> list[Any]:
        return [error for _, error in runner.check(OtelConnector(), self.source, self._secrets, self.settings)]

    def query(self, statement: str) -> list[tuple]:
        with connect(settings=self.settings) as connection:
            return connection.execute(statement, [self.instance]).fetchall()

    def rows(self, stream: str) -> dict[str, dict]:
        return dict(self.query(f"select id, payload from raw_otel.{stream} where instance = %s order by id"))

    def conversations(self) -> dict[str, str]:
        return dict(self.query("select id, interaction_id from raw_otel.traces where instance = %s order by id"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "spans"
    made.mkdir()
    return made


@pytest.fixture
def place(warehouse: Settings, folder: Path) -> OtelPlace:
    return OtelPlace(warehouse, path=str(folder))


def trace_id(number: int) -> str:
    return f"{number:032x}"


def span_id(number: int) -> str:
    return f"{number:016x}"


def span(trace: Any, own: Any, said: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    said = {"gen_ai.operation.name": "chat"} if said is None else said
    return {
        "traceId": trace_id(trace) if isinstance(trace, int) else trace,
        "spanId": span_id(own) if isinstance(own, int) else own,
        "name": "chat",
        "startTimeUnixNano": str(BEGAN),
        "endTimeUnixNano": str(BEGAN + 1_500_000_000),
        "attributes": [{"key": name, "value": value} for name, value in typed(said).items()],
        **more,
    }


def typed(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, dict) else {"stringValue": value} for name, value in said.items()}


def line(*spans: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": list(spans)}]}]}).encode() + b"\n"


# --- forms of OTLP


def test_ids_come_as_hexadecimal_or_base64_and_are_one():
    raw = bytes(range(1, 17))
    assert identity(raw.hex(), 16) == identity(raw.hex().upper(), 16) == raw.hex()
    assert identity(base64.b64encode(raw).decode(), 16) == raw.hex()
    assert identity(base64.urlsafe_b64encode(bytes([251, 255] * 4)).decode(), 8) == "fbff" * 4
    for none in ("", None, 7, "0" * 32, "xyz", raw.hex()[:-2], "g" * 32):
        assert identity(none, 16) is None


def test_attributes_of_every_form_become_plain():
    stated = [
        {"key": "number", "value": {"intValue": "7"}},
        {"key": "broken", "value": {"intValue": "seven"}},
        {"key": "flag", "value": {"boolValue": False}},
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"doubleValue": 0.5}]}}},
        {"key": "empty", "value": {"arrayValue": {}}},
        {"key": "map", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}}]}}},
        {"key": "nothing", "value": {}},
        {"no": "key"},
    ]
    assert attributes(stated) == {
        "number": 7,
        "broken": "seven",
        "flag": False,
        "list": ["a", 0.5],
        "empty": [],
        "map": {"a": 1},
        "nothing": None,
    }
    assert attributes('{"a": {"b": 1}}') == {"a": {"b": 1}}
    assert attributes("no json") == attributes(None) == {}


def test_names_of_the_older_and_of_other_exporters_are_known():
    own = {"trace_id": trace_id(1), "span_id": span_id(1), "start_time_unix_nano": "5"}
    snake = {"resource_spans": [{"scope_spans": [{"spans": [own]}]}]}
    (found,) = spans_of(snake)
    assert (found["traceId"], found["startTimeUnixNano"]) == (trace_id(1), 5)
    old = {"resourceSpans": [{"instrumentationLibrarySpans": [{"spans": [span(1, 1)]}]}]}
    assert len(list(spans_of(old))) == 1


# --- what lands


def test_spans_of_one_trace_over_several_files_in_any_order_are_one_conversation(place, folder):
    (folder / "a.json").write_bytes(line(span(1, 2), span(2, 1)))
    (folder / "b.json.gz").write_bytes(gzip.compress(line(span(1, 1, {"gen_ai.conversation.id": "talk"}))))
    (folder / "c.jsonl").write_bytes(line(span(1, 3)))
    result = place.run()
    assert len(place.rows("spans")) == 4
    assert place.conversations() == {trace_id(1): "talk", trace_id(2): trace_id(2)}
    assert result.rows_in == result.rows_inserted + result.rows_quarantined
    # a later span that names nothing takes nothing back
    (folder / "d.json").write_bytes(line(span(1, 4)))
    place.run()
    assert place.conversations()[trace_id(1)] == "talk"


def test_a_conversation_that_is_named_later_takes_its_trace(place, folder):
    (folder / "a.json").write_bytes(line(span(1, 2)))
    place.run()
    assert place.conversations() == {trace_id(1): trace_id(1)}
    (folder / "b.json").write_bytes(line(span(1, 1, {"session.id": "later"})))
    place.run()
    assert place.conversations() == {trace_id(1): "later"}


@pytest.mark.parametrize("are_pages", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_several_names_the_one_of_the_first_attribute_counts_then_the_first_that_was_said(
    place, folder, monkeypatch, order, are_pages
):
    """A visit to a web page has a session of its own, and a conversation may be handed on."""
    monkeypatch.setattr(files, "PAGE_RECORDS", 1 if are_pages else 2000)
    spans = [
        span(1, 1, {"session.id": "visit"}, startTimeUnixNano=str(BEGAN)),
        span(1, 2, {"gen_ai.conversation.id": "talk"}, startTimeUnixNano=str(BEGAN + 1_000_000)),
        span(1, 3, {"gen_ai.conversation.id": "handed on"}, startTimeUnixNano=str(BEGAN + 2_000_000)),
    ]
    (folder / "a.json").write_bytes(b"".join(line(spans[number]) for number in order))
    place.run()
    assert place.conversations() == {trace_id(1): "talk"}


def test_the_same_span_exported_twice_lands_once(place, folder):
    event = {"name": "gen_ai.user.message", "timeUnixNano": "9", "attributes": []}
    once = line(span(1, 1, events=[event, event, {**event, "name": "gen_ai.choice"}]))
    (folder / "a.json").write_bytes(once + once)
    (folder / "b.json").write_bytes(once)
    place.run()
    assert len(place.rows("spans")) == 1
    assert len(place.rows("events")) == 3
    assert place.query("select count(*) from raw_otel.spans_history where instance = %s") == [(0,)]


def test_events_know_their_place_and_keep_their_identity_wherever_they_are_exported(place, folder):
    names = [f"gen_ai.event.{number}" for number in range(4)]
    events = [{"name": name, "timeUnixNano": "9"} for name in names]
    logs = [
        {"traceId": trace_id(2), "spanId": span_id(1), "timeUnixNano": str(BEGAN), "eventName": name} for name in names
    ]
    (folder / "a.json").write_bytes(line(span(1, 1, events=events)))
    (folder / "b.json").write_bytes(log_line({**logs[0], "eventName": "http.request"}, *logs))
    place.run()
    found = place.rows("events")
    assert sorted((one["traceId"], one["ordinal"], one["name"]) for one in found.values()) == [
        *((trace_id(1), number, name) for number, name in enumerate(names)),
        *((trace_id(2), number, name) for number, name in enumerate(names, start=1)),
    ]
    (folder / "c.json").write_bytes(log_line(*logs[2:]))
    place.run()
    assert place.rows("events").keys() == found.keys()


def log_line(*logs: dict[str, Any]) -> bytes:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": logs}]}]}).encode() + b"\n"


def test_events_come_within_spans_or_as_log_records(place, folder):
    log = {
        "traceId": trace_id(1),
        "spanId": span_id(1),
        "timeUnixNano": str(BEGAN),
        "eventName": "gen_ai.user.message",
        "body": {"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "hello"}}]}},
    }
    other = {**log, "eventName": "http.request"}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [log, other]}]}]}
    (folder / "logs.json").write_text(json.dumps(logs) + "\n")
    result = place.run()
    (event,) = place.rows("events").values()
    assert (event["name"], event["body"]) == ("gen_ai.user.message", {"content": "hello"})
    assert result.detail["skipped_records"] == {"log records of no AI agent": 1}


def test_spans_without_ids_go_to_quarantine_and_the_others_land(place, folder):
    (folder / "a.json").write_bytes(
        line(span("", 1), span(1, ""), span("0" * 32, 2), span(1, 3))
        + b"{broken\n"
        + b'{"resourceSpans": 7}\n'
        + b"[]\n"
    )
    result = place.run()
    assert list(place.rows("spans")) == [f"{trace_id(1)}:{span_id(3)}"]
    codes = place.query("select reason_code from ops.quarantine where instance = %s order by 1")
    assert codes == [("json_malformed",), *[("otlp_malformed",)] * 2, *[("record_id_missing",)] * 3]
    assert result.rows_in == result.rows_inserted + result.rows_quarantined == 8


def test_spans_that_are_none_of_an_ai_agent_stay_out_and_are_counted(place, folder):
    (folder / "a.json").write_bytes(
        line(
            span(1, 1, {"http.route": "/"}),
            span(1, 2, {"gen_ai.something.new": "x"}),
            span(1, 3, {"enduser.id": "u1"}),
            span(1, 4, {"http.route": "/"}, events=[{"name": "gen_ai.choice"}]),
            span(2, 1, startTimeUnixNano="1000"),
        )
    )
    result = place.run()
    assert len(place.rows("spans")) == 3
    assert result.detail["skipped_records"] == {"spans of no AI agent": 1, "spans from before the start": 1}


def test_characters_that_cannot_be_stored_are_replaced_and_counted(place, folder):
    """T24."""
    content = line(span(1, 1, {"gen_ai.system": "MARK"})).replace(b"MARK", b"a\\u0000b\\ud800")
    (folder / "a.json").write_bytes(content)
    result = place.run()
    (landed,) = place.rows("spans").values()
    assert landed["attributes"]["gen_ai.system"] == "a\ufffdb\ufffd"
    assert result.replaced_characters == 2


# --- files that change


def test_a_last_line_that_is_half_written_waits(place, folder):
    first, second = line(span(1, 1)), line(span(1, 2))
    path = folder / "a.json"
    path.write_bytes(first + second[:40])
    result = place.run()
    assert len(place.rows("spans")) == 1
    assert result.detail["skipped_records"] == {"last lines that are not whole yet": 1}
    assert place.query("select count(*) from ops.quarantine where instance = %s") == [(0,)]
    path.write_bytes(first + second)
    assert place.run().rows_inserted == 1
    assert len(place.rows("spans")) == 2


def test_a_first_line_that_is_half_written_waits_too(place, folder):
    path = folder / "a.json"
    path.write_bytes(line(span(1, 1))[:40])
    assert place.run().detail["skipped_records"] == {"last lines that are not whole yet": 1}
    path.write_bytes(line(span(1, 1)))
    place.run()
    assert len(place.rows("spans")) == 1


def test_a_last_line_without_its_end_is_read_when_it_is_whole(place, folder):
    path = folder / "a.json"
    path.write_bytes((line(span(1, 1)) + line(span(1, 2))).rstrip(b"\n"))
    place.run()
    assert len(place.rows("spans")) == 2
    path.write_bytes(line(span(1, 1)) + line(span(1, 2)) + line(span(1, 3)))
    assert place.run().rows_in == 2


def test_a_packed_file_that_is_still_being_written_waits(place, folder):
    whole = gzip.compress(b"".join(line(span(1, number), {"x": "y" * number}) for number in range(1, 400)))
    path = folder / "a.json.gz"
    path.write_bytes(whole[: len(whole) // 2])
    place.run()
    some = len(place.rows("spans"))
    assert some < 399
    path.write_bytes(whole)
    place.run()
    assert len(place.rows("spans")) == 399


@pytest.mark.parametrize("spot", [0.2, 0.9])
def test_a_packed_file_that_is_corrupt_is_named_once_it_has_stopped_growing(place, folder, spot):
    whole = gzip.compress(b"".join(line(span(1, number), {"x": "y" * number}) for number in range(1, 400)))
    broken = bytearray(whole)
    for byte in range(40):
        broken[int(len(whole) * spot) + byte] ^= 0xFF
    (folder / "a.json.gz").write_bytes(bytes(broken[:-10]))
    (folder / "b.json").write_bytes(line(span(2, 1)))
    assert place.run().detail["skipped_records"]["last lines that are not whole yet"] == 1
    (folder / "a.json.gz").write_bytes(bytes(broken))
    place.run()
    (folder / "b.json").write_bytes(line(span(2, 1)) + line(span(2, 2)))
    for _ in range(2):
        with pytest.raises(SourceError, match=r"cannot be read to their end: 'a\.json\.gz'"):
            place.run()
    # the other file is none the worse for it
    assert f"{trace_id(2)}:{span_id(2)}" in place.rows("spans")
    (folder / "a.json.gz").write_bytes(whole)
    place.run()
    assert len(place.rows("spans")) == 399 + 2


def test_a_file_that_was_read_is_passed_over_under_any_name(place, folder):
    path = folder / "spans.json"
    path.write_bytes(line(span(1, 1)) + line(span(1, 2)))
    place.run()
    moved = path.rename(folder / "spans-2026-03-10.json")
    assert place.run().rows_in == 0
    (folder / "spans-2026-03-10.json.gz").write_bytes(gzip.compress(moved.read_bytes() + line(span(1, 3))))
    moved.unlink()
    path.write_bytes(line(span(2, 1)))
    assert place.run().rows_in == 4  # two spans and what their traces say
    assert len(place.rows("spans")) == 4


def test_a_file_that_was_written_anew_is_read_anew(place, folder):
    path = folder / "spans.json"
    path.write_bytes(line(span(1, 1)) + line(span(1, 2)))
    place.run()
    path.write_bytes(line(span(1, 1)) + line(span(1, 3)) + line(span(1, 4)))
    place.run()
    assert len(place.rows("spans")) == 4


def test_two_files_with_one_beginning_are_two(place, folder):
    for name, own in (("a.json", 2), ("b.json", 3)):
        (folder / name).write_bytes(line(span(1, 1)) + line(span(1, own)))
    place.run()
    assert len(place.rows("spans")) == 3
    assert place.run().rows_in == 0


def test_a_run_that_is_killed_goes_on_and_gives_what_one_run_gives(warehouse, folder, monkeypatch):
    """T6, T8, T22."""
    monkeypatch.setattr(files, "PAGE_RECORDS", 5)
    for name in ("a.json", "b.json"):
        content = b"".join(
            line(span(number % 7 + 1, number, {"gen_ai.conversation.id": f"c{number % 3}"}))
            for number in range(1 + 20 * (name == "b.json"), 21 + 20 * (name == "b.json"))
        )
        (folder / name).write_bytes(content)
    whole, parts = OtelPlace(warehouse, path=str(folder)), OtelPlace(warehouse, path=str(folder))
    whole.run()
    parts.run_until(3)
    assert len(parts.rows("spans")) == 15
    parts.run_until(2)
    result = parts.run()
    assert result.detail["records"]["spans"] == 15
    assert parts.rows("spans") == whole.rows("spans")
    assert parts.rows("events") == whole.rows("events")
    assert len(parts.rows("spans")) == 40


def test_a_backfill_takes_the_spans_of_its_days_and_moves_no_cursor(place, folder):
    day = 24 * 3600 * 1_000_000_000
    (folder / "a.json").write_bytes(
        b"".join(line(span(1, number, startTimeUnixNano=str(BEGAN + number * day))) for number in range(1, 6))
    )
    place.run(interval=(date(2026, 3, 12), date(2026, 3, 13)))
    assert len(place.rows("spans")) == 2
    assert place.run().detail["records"]["spans"] == 5


def test_hidden_files_are_left_alone_and_hidden_folders_above_do_not_matter(warehouse, tmp_path):
    folder = tmp_path / ".touchstone" / "spans"
    (folder / ".partial").mkdir(parents=True)
    (folder / "a.json").write_bytes(line(span(1, 1)))
    for hidden in (".b.json", ".partial/c.json", "d.txt"):
        (folder / hidden).write_bytes(line(span(1, 2)))
    place = OtelPlace(warehouse, path=str(folder))
    place.run()
    assert len(place.rows("spans")) == 1


def test_a_folder_that_is_not_there_says_so(warehouse, tmp_path):
    place = OtelPlace(warehouse, path=str(tmp_path / "absent"))
    with pytest.raises(SourceError, match="no such file or folder"):
        place.run()
    assert "no such file or folder" in str(place.check()[0])


# --- a table


@pytest.fixture
def database(tmp_path):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/spans.db")
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text(
                "create table spans (id integer primary key, trace_id text, span_id text, parent_span_id text, name text,"
                " start_time timestamp, end_time timestamp, attributes json, events json, resource json)"
            )
        )
    yield engine
    engine.dispose()


def insert(engine, row_id: int, trace: int, own: int, said: dict[str, Any], events: Any = None) -> None:
    values = {
        "id": row_id,
        "trace": trace_id(trace),
        "span": span_id(own),
        "said": json.dumps(said),
        "events": json.dumps(events) if events is not None else None,
    }
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text(
                "insert into spans values (:id, :trace, :span, null, 'chat', '2026-03-10 10:00:00.000000',"
                " '2026-03-10 10:00:01.500000', :said, :events, '{\"service.version\": \"7\"}')"
            ),
            values,
        )


def table_place(warehouse, engine, **more: Any) -> OtelPlace:
    wanted = {"name": "spans", "cursor": "id", "events": "events", "resource_attributes": "resource", **more}
    return OtelPlace(warehouse, {"url": engine.url.render_as_string(hide_password=False)}, table=wanted)


def test_spans_of_a_table_land_like_those_of_files(warehouse, database):
    event = {"name": "gen_ai.user.message", "attributes": {"content": "hi"}}
    insert(database, 1, 1, 1, {"gen_ai.conversation.id": "talk", "gen_ai.usage.input_tokens": 7}, [event])
    place = table_place(warehouse, database)
    assert place.check() == [None]
    place.run()
    (landed,) = place.rows("spans").values()
    assert landed["startTimeUnixNano"] == BEGAN
    assert landed["endTimeUnixNano"] == BEGAN + 1_500_000_000
    assert landed["attributes"]["gen_ai.usage.input_tokens"] == 7
    assert landed["resource"] == {"service.version": "7"}
    assert [one["attributes"] for one in place.rows("events").values()] == [{"content": "hi"}]
    assert place.conversations() == {trace_id(1): "talk"}


def test_rows_that_are_committed_late_and_pages_that_are_cut_lose_nothing(warehouse, database, monkeypatch):
    """T3, T6, T22: ids are given before they are committed, and rows may share a cursor."""
    monkeypatch.setattr(table, "PAGE_ROWS", 7)
    for number in range(1, 61):
        if number not in (5, 55):
            insert(database, number, number % 5 + 1, number, {"gen_ai.system": "x"})
    # further back than a page
    place = table_place(warehouse, database, late=12)
    place.run_until(2)
    assert len(place.rows("spans")) == 14
    # of the rows that were read before the run was stopped
    insert(database, 5, 9, 5, {"gen_ai.system": "x"})
    result = place.run()
    assert result.detail["records"]["spans"] == 60 - 2 - 1
    assert len(place.rows("spans")) == 59
    insert(database, 55, 9, 55, {"gen_ai.system": "x"})
    # a run that is stopped while it goes back loses no ground
    for _ in range(3):
        place.run_until(1)
    place.run()
    assert len(place.rows("spans")) == 60


def test_rows_that_share_a_cursor_land_once(warehouse, database, monkeypatch):
    monkeypatch.setattr(table, "PAGE_ROWS", 4)
    for number in range(1, 31):
        insert(database, number, number % 5 + 1, number, {"gen_ai.system": "x"})
    place = table_place(warehouse, database, cursor="start_time", late=5)
    place.run()
    assert len(place.rows("spans")) == 30
    assert place.run().rows_inserted == 0


@pytest.mark.parametrize(
    ("more", "what"),
    [({"cursor": "nothing"}, "has no column for `cursor`"), ({"name": "absent"}, "no such table")],
)
def test_a_table_that_cannot_be_read_says_what_to_write(warehouse, database, more, what):
    place = table_place(warehouse, database, **more)
    for ask in (place.check, place.run):
        with pytest.raises(ConfigurationError, match=what):
            ask()


def test_an_address_that_is_none_is_told_without_its_password(warehouse):
    place = OtelPlace(warehouse, {"url": "nonsense://me:hidden@host/db"}, table={"name": "t", "cursor": "id"})
    with pytest.raises(ConfigurationError, match=r"postgresql\+psycopg") as told:
        place.check()
    assert "hidden" not in str(told.value)


def test_an_entry_takes_a_path_or_a_table():
    with pytest.raises(ConfigurationError, match="either `path` or `table`"):
        parsed({"source": "otel", "start": "2026-03-01"}, "the test's entry")
