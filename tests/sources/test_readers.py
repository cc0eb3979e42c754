"""Readers stream, and see what a fast decoder would pass over."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchstone.sources import readers
from touchstone.sources.readers import file_format, read_file
from touchstone.sources.reasons import Refused


def read_lines(tmp_path: Path, *lines: bytes, name: str = "a.jsonl") -> list[object]:
    path = tmp_path / name
    path.write_bytes(b"\n".join(lines))
    return [read.record.code if isinstance(read.record, Refused) else read.record for read in read_file(path)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jsonl", ("jsonl", False)),
        ("A.JSONL.GZ", ("jsonl", True)),
        ("a.2026.ndjson", ("jsonl", False)),
        ("a.csv.gz", ("csv", True)),
        ("a.parquet", ("parquet", False)),
        ("a.json", None),
        ("README.md", None),
        ("README", None),
        ("a.gz", None),
        ("a.csv.zip", None),
    ],
)
def test_the_name_of_a_file_is_its_format(name, expected):
    assert file_format(Path(name)) == expected


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": 1, "a": 2}',
        b'{"a" : 1, "a" : 2}',
        b'{"a"\t:1, "a"\t:2}',
        b'{"x": {"a": 1, "a": 1}}',
        b'{"x": [{"a": 1}, {"a": 1, "a": 1}]}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"t": "\\":", "a": 1, "a": 2}',
        b'{"a"  :1, "b": "\\":\\":", "a"  :2}',
    ],
)
def test_a_key_that_comes_twice_is_seen(tmp_path, line):
    assert read_lines(tmp_path, line) == ["json_duplicate_key"]


@pytest.mark.parametrize(
    "line", [b'{"a": "b\\": 1, \\"a\\":2"}', b'{"a" : "x", "b" : ":"}', b'{"a": {"a": {"a": 1}}}', b'{"a": "\\" :"}']
)
def test_a_key_that_only_seems_to_come_twice_is_not_refused(tmp_path, line):
    assert read_lines(tmp_path, line) == [json.loads(line)]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(record=st.dictionaries(st.text(max_size=5), JSON, max_size=5), is_ascii=st.booleans(), is_wide=st.booleans())
def test_any_object_is_read_as_it_was_written(tmp_path_factory, record, is_ascii, is_wide):
    text = json.dumps(record, ensure_ascii=is_ascii, separators=(" , ", " : ") if is_wide else (",", ":"))
    [found] = read_lines(tmp_path_factory.mktemp("any"), text.encode())
    expected = json.dumps(record).replace("\\u0000", "\\ufffd")
    assert found == json.loads(expected)


@given(st.binary(max_size=60).filter(lambda line: b"\n" not in line))
def test_any_bytes_are_an_object_a_refusal_or_a_blank_line(tmp_path_factory, line):
    found = read_lines(tmp_path_factory.mktemp("any"), line)
    assert len(found) <= 1
    assert all(isinstance(record, dict | str) for record in found)


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path):
    assert read_lines(tmp_path, b'\xef\xbb\xbf{"a": 1}\r', b'{"a": 2}\r', b"") == [{"a": 1}, {"a": 2}]
    found = read_lines(
        tmp_path, b"\xef\xbb\xbfinteraction_id;sent_at;actor;text\r", b"c;t;customer;hi\r", b"", name="a.csv"
    )
    assert found == [{"interaction_id": "c", "sent_at": "t", "actor": "customer", "text": "hi"}]


def test_csv_values_take_the_type_of_their_field(tmp_path):
    names = b"interaction_id,sent_at,actor,text,is_internal,rating,confidence,tags,sources,attributes,mine"
    values = b'007,t,customer,,TRUE,4,0.5,a|b,"[""x""]","{""k"": 1}",12'
    assert read_lines(tmp_path, names, values, name="a.csv") == [
        {
            "interaction_id": "007",
            "sent_at": "t",
            "actor": "customer",
            "text": "",
            "is_internal": True,
            "rating": 4,
            "confidence": 0.5,
            "tags": ["a", "b"],
            "sources": ["x"],
            "attributes": {"k": 1},
            "mine": "12",
        }
    ]


def test_a_csv_row_over_several_lines_is_known_by_its_first(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'interaction_id,sent_at,actor,text\na,t,customer,"one\ntwo"\nb,t,customer,x,y\n'
        b"c,t,customer,caf\xe9\nd,t,customer,fine\n"
    )
    found = [(read.line, getattr(read.record, "code", "fine")) for read in read_file(path)]
    assert found == [(2, "fine"), (4, "csv_column_count"), (5, "not_utf8"), (6, "fine")]


def test_parquet_values_become_what_json_would_say(tmp_path):
    from datetime import UTC, datetime
    from decimal import Decimal

    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    columns = {
        "interaction_id": [17],
        "sent_at": pyarrow.array([datetime(2026, 3, 1, 9, tzinfo=UTC)], pyarrow.timestamp("ns", "UTC")),
        "text": ["nul \x00"],
        "rating": [Decimal("4.50")],
        "mine": pyarrow.array([[("k", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
    }
    parquet.write_table(pyarrow.table(columns), path)
    [read] = read_file(path)
    assert read.record == {
        "interaction_id": "17",
        "sent_at": "2026-03-01T09:00:00+00:00",
        "text": "nul \ufffd",
        "rating": 4.5,
        "mine": {"k": 1},
    }
    assert read.replaced == 1


def test_a_line_that_is_too_long_is_passed_over_in_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MAX_LINE_BYTES", 1 << 20)
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"a": "')
        for _ in range(40):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + orjson.dumps({"a": 1}) + b"\n")
    tracemalloc.start()
    found = [(read.line, getattr(read.record, "code", read.record)) for read in read_file(path)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [(1, "line_too_long"), (2, {"a": 1})]
    assert peak < 8 << 20
