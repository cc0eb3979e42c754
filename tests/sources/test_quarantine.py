"""Every kind of bad record is refused by itself, with file, line, reason and remedy, and the good ones land."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest

from touchstone.sources import readers
from touchstone.sources.reasons import REASONS

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
SENT = "2026-03-01T09:00:00Z"


def row(number: int, **fields: object) -> dict:
    """A sound row, with fields changed; a field set to ... is left out."""
    sound = {"interaction_id": f"bad{number}", "message_id": "m", "sent_at": SENT, "actor": "customer", "text": "Hi"}
    return {name: value for name, value in {**sound, **fields}.items() if value is not ...}


def document(number: int, *messages: object, **header: object) -> dict:
    sound = {"message_id": "m", "sent_at": SENT, "actor": "customer", "text": "Hi"}
    return {"interaction_id": f"bad{number}", **header, "messages": [*messages] or [sound]}


MESSAGE = {"sent_at": SENT, "actor": "customer", "text": "Hi"}
AGENT = {**MESSAGE, "actor": "human_agent"}
DEEP = '{"interaction_id": "deep", "x": ' + "[" * 150 + "]" * 150 + "}"

# (code, the one line that holds the fault)
LINES: list[tuple[str, object]] = [
    ("not_utf8", b'{"interaction_id": "latin", "text": "caf\xe9"}'),
    ("json_malformed", '{"interaction_id": "x", text: 1}'),
    ("json_truncated", '{"interaction_id": "x", "text": "and th'),
    ("json_not_an_object", "[1, 2]"),
    ("json_duplicate_key", '{"interaction_id": "x", "interaction_id": "y"}'),
    ("json_not_finite", '{"interaction_id": "x", "rating": NaN}'),
    ("json_number_too_large", '{"interaction_id": "x", "number": 123456789012345678901234567890}'),
    ("json_too_deep", DEEP),
    ("interaction_id_missing", row(1, interaction_id=...)),
    ("interaction_id_not_a_string", row(2, interaction_id=17)),
    ("interaction_id_too_long", row(3, interaction_id="x" * 300)),
    ("interaction_id_control_character", row(4, interaction_id="a\tb")),
    ("channel_unknown", row(5, channel="fax")),
    ("status_unknown", row(6, status="done")),
    ("closed_before_start", row(7, started_at=SENT, closed_at="2026-02-01T00:00:00Z")),
    ("deleted_before_start", row(8, started_at=SENT, deleted_at="2026-02-01T00:00:00Z")),
    ("rated_before_start", row(9, started_at=SENT, rated_at="2026-02-01T00:00:00Z")),
    ("rated_before_first_message", document(10, rated_at="2026-02-01T00:00:00Z")),
    ("rating_not_a_number", row(11, rating="good")),
    ("rating_outside_scale", row(12, rating=7, rating_scale_min=1, rating_scale_max=5)),
    ("rating_scale_not_a_number", row(13, rating_scale_min="low")),
    ("rating_scale_empty", row(14, rating_scale_min=5, rating_scale_max=1)),
    ("string_expected", row(15, customer_id=17)),
    ("string_too_long", row(16, topic="x" * 5000)),
    ("email_malformed", row(17, customer_email="nobody at home")),
    ("language_malformed", row(18, language="English (US)")),
    ("tags_not_a_list", row(19, tags="a,b")),
    ("tag_not_a_string", row(20, tags=[1])),
    ("messages_not_a_list", {"interaction_id": "bad21", "messages": "none"}),
    ("attributes_not_an_object", row(22, attributes=[1])),
    ("sent_at_missing", row(23, sent_at=...)),
    ("time_not_a_string", row(24, sent_at=1772355600)),
    ("time_unparsable", row(25, sent_at="1st of March")),
    ("time_without_zone", row(26, sent_at="2026-03-01T09:00:00")),
    ("time_too_early", row(27, sent_at="0001-01-01T00:00:00Z")),
    ("time_in_future", row(28, sent_at="3000-01-01T00:00:00Z")),
    ("time_after_as_of", row(29, sent_at="2026-04-01T00:00:01Z")),
    ("message_not_an_object", document(30, "Hi")),
    ("message_id_not_a_string", row(31, message_id=5)),
    ("message_id_too_long", row(32, message_id="x" * 300)),
    ("message_id_control_character", row(33, message_id="a\x1fb")),
    ("message_id_duplicate", document(34, {**MESSAGE, "message_id": "m"}, {**MESSAGE, "message_id": "m"})),
    ("message_before_start", row(35, started_at="2026-03-02T00:00:00Z")),
    ("reply_before_start", document(36, AGENT, started_at="2026-03-02T00:00:00Z")),
    ("actor_missing", row(37, actor=...)),
    ("actor_unknown", row(38, actor="robot")),
    ("text_missing", row(39, text=...)),
    ("text_not_a_string", row(40, text=["Hi"])),
    ("text_too_long", row(41, text="x" * 10_000_000)),
    ("is_internal_not_a_boolean", row(42, is_internal="no")),
    ("confidence_not_a_number", row(43, confidence="high")),
    ("confidence_outside_0_1", row(44, confidence=1.5)),
    ("sources_not_a_list", row(45, sources="handbook")),
    ("feedback_not_a_list", row(46, feedback="good")),
    ("tool_calls_not_a_list", row(47, tool_calls="find")),
    ("tool_call_not_an_object", row(48, tool_calls=["find"])),
    ("tool_call_name_missing", row(49, tool_calls=[{"status": "ok"}])),
    ("tool_call_status_unknown", row(50, tool_calls=[{"name": "find", "status": "lost"}])),
    ("dialect_malformed", {"DialogueID": 1, "Events": "none"}),
]
GOOD = [
    {
        "interaction_id": f"c{number // 4}",
        "message_id": f"m{number % 4}",
        "sent_at": f"2026-03-{1 + number // 48:02}T10:{number % 48:02}:00Z",
        "actor": "ai_agent" if number % 2 else "customer",
        "text": f"message {number}",
    }
    for number in range(1000)
]


@pytest.fixture(autouse=True)
def _small_lines(monkeypatch):
    monkeypatch.setattr(readers, "MAX_LINE_BYTES", 16 * 1024 * 1024)


def write_bad_files(place) -> dict[str, tuple[str, int | None]]:
    """Files whose fault is not in a JSON line; code -> (file, line)."""
    header = b"interaction_id,sent_at,actor,text\n"
    csv_row = b"x,2026-03-01T09:00:00Z,customer,Hi\n"
    packed = gzip.compress(b"".join(json.dumps(record).encode() + b"\n" for record in GOOD[:1]) * 5000)
    place.write("bad.jsonl", b"")
    (place.folder / "gzip_bad.jsonl.gz").write_bytes(b"this is no gzip")
    (place.folder / "gzip_truncated.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    place.write("parquet_bad.parquet", b"PAR1 but not for long")
    place.write("file_is_utf16.jsonl", '{"interaction_id": "x"}'.encode("utf-16"))
    place.write("csv_header_incomplete.csv", b"interaction_id,text\n" + b"x,Hi\n")
    place.write("csv_header_duplicate.csv", b"interaction_id,sent_at,actor,text,text\n")
    place.write("csv_column_count.csv", header + b"x,2026-03-01T09:00:00Z,customer,Hi, there\n")
    place.write("csv_malformed.csv", header + b'x,2026-03-01T09:00:00Z,customer,"never closed\n')
    place.write("rating_not_finite.csv", header.replace(b"text", b"text,rating") + csv_row.replace(b"Hi", b"Hi,nan"))
    place.write("line_too_long.jsonl", b'{"text": "' + b"x" * (17 * 1024 * 1024) + b'"}\n')
    place.write_parquet("value_not_supported.parquet", [{**row(60), "photo": b"\x00\x01"}])
    lines = {
        "gzip_bad.jsonl.gz": None,
        "gzip_truncated.jsonl.gz": None,
        "parquet_bad.parquet": None,
        "file_is_utf16.jsonl": None,
        "csv_header_incomplete.csv": 1,
        "csv_header_duplicate.csv": 1,
        "csv_column_count.csv": 2,
        "csv_malformed.csv": 2,
        "rating_not_finite.csv": 2,
        "line_too_long.jsonl": 1,
        "value_not_supported.parquet": 1,
    }
    return {name.split(".")[0]: (name, line) for name, line in lines.items()}


def test_a_thousand_good_rows_land_and_every_kind_of_bad_one_is_refused(place):
    assert len(LINES) > 50
    mixed: list[object] = []
    at: dict[str, tuple[str, int | None]] = {}
    for number, good in enumerate(GOOD):
        if number % 16 == 0 and number // 16 < len(LINES):
            code, bad = LINES[number // 16]
            mixed.append(bad)
            at[code] = ("mixed.jsonl", len(mixed))
        mixed.append(good)
    assert len(at) == len(LINES)
    place.write_jsonl("mixed.jsonl", mixed)
    result = place.ingest(as_of=AS_OF)

    good_ids = {f"{record['interaction_id']}\x1f{record['message_id']}" for record in GOOD}
    assert good_ids <= place.messages().keys()
    assert place.messages().keys() - good_ids == {"bad34\x1fm"}  # the first of the two with one id
    rows = place.quarantine()
    assert len(rows) == result.rows_quarantined == len(LINES)
    assert {found["reason_code"]: (found["stream"], found["line"]) for found in rows} == at
    check_rows(rows)
    assert result.rows_in == result.rows_inserted + result.rows_quarantined


def test_files_that_cannot_be_decoded_are_refused_and_the_others_land(place):
    expected = write_bad_files(place)
    place.write_jsonl("good.jsonl", GOOD[:100])
    result = place.ingest(as_of=AS_OF)
    rows = place.quarantine()
    assert {found["reason_code"]: (found["stream"], found["line"]) for found in rows} == expected
    check_rows(rows)
    assert result.rows_quarantined == len(expected)
    assert len(place.messages()) == 100


def test_every_reason_is_shown_here(place):
    shown = {code for code, _ in LINES} | set(write_bad_files(place))
    of_a_mapping = {"number_expected", "field_missing", "row_key_missing"}  # test_sql_tables.py shows them
    assert not shown & of_a_mapping
    assert shown | of_a_mapping == set(REASONS)


def check_rows(rows: list[dict]) -> None:
    for found in rows:
        assert found["file"].endswith(found["stream"])
        assert found["reason"]
        assert len(found["reason"]) < 1000
        assert found["remedy"].endswith(".")
        assert found["payload"] is None or len(found["payload"]) <= 4096


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(1, actor="robot"), "actor 'robot' is not one of customer, human_agent, ai_agent, system"),
        (row(1, channel="fax"), "channel 'fax' is not one of chat, email, ticket, voice, social, other"),
        (row(1, sent_at="2026-03-01T09:00:00"), "sent_at '2026-03-01T09:00:00' has no zone"),
        (row(1, rating=7, rating_scale_max=5), "rating 7 is outside its own scale (the scale is None to 5)"),
        (row(1, text="x" * 2_000_000), f"text '{'x' * 118}… is longer than 1 MiB (2,000,000 bytes)"),
    ],
)
def test_a_reason_names_field_and_value(place, bad, reason):
    place.write_jsonl("a.jsonl", [bad])
    place.ingest(as_of=AS_OF)
    assert [found["reason"] for found in place.quarantine()] == [reason]


def test_lines_before_and_after_a_bad_one_keep_their_numbers(place):
    place.write_jsonl("a.jsonl", [GOOD[0], "", "{", GOOD[1], "[]"])
    place.ingest(as_of=AS_OF)
    assert [(found["line"], found["reason_code"]) for found in place.quarantine()] == [
        (3, "json_truncated"),
        (5, "json_not_an_object"),
    ]


def test_what_a_truncated_file_held_before_its_end_lands(place):
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in GOOD)
    (place.folder / "a.jsonl.gz").write_bytes(gzip.compress(lines)[:-200])
    place.ingest(as_of=AS_OF)
    assert len(place.messages()) > 100
    assert place.open_codes() == ["gzip_truncated"]


def test_a_bad_header_refuses_its_document_and_leaves_what_landed_before(place):
    place.write_jsonl("a.jsonl", [document(1)])
    place.ingest(as_of=AS_OF)
    before = place.snapshot()
    place.write_jsonl("b.jsonl", [document(1, {**MESSAGE, "message_id": "new"}, status="done")])
    result = place.ingest(as_of=AS_OF)
    assert place.snapshot() == before
    assert (result.rows_in, result.rows_quarantined) == (1, 1)
