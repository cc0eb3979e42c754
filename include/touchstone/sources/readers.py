"""Readers of conversation files: JSONL, CSV and Parquet, plain or gzip, in memory that does not grow with the file.

A reader yields one `Read` per line, row or refused piece. What cannot be decoded is yielded as a `Refused`, never raised,
so that the records before and after it still land.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from touchstone.sources.characters import UNFIT, storable
from touchstone.sources.dialects import converted
from touchstone.sources.reasons import Refused
from touchstone.sources.schema import CONVERSATION_FIELDS, MESSAGE_FIELDS
from touchstone.sources.validate import encoded

MAX_LINE_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 100
PARQUET_BATCH_ROWS = 1000

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}

_KINDS = {field.name: field.kind for field in (*CONVERSATION_FIELDS, *MESSAGE_FIELDS)}
_STRING_KINDS = frozenset({"id", "string", "text", "channel", "status", "actor", "email", "language"})
_CSV_REQUIRED = ("interaction_id", "sent_at", "actor", "text")
_BOOLEANS = {"true": True, "t": True, "1": True, "yes": True, "false": False, "f": False, "0": False, "no": False}
_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER_LIMIT = 2**63


class Read(NamedTuple):
    """One piece of a file.

    Attributes:
        line: 1-based line (JSONL, CSV) or row (Parquet); 0 for the file as a whole.
        record: The decoded record, or why there is none.
        raw: What stood there, for the quarantine.
        replaced: How many NUL characters and lone surrogates U+FFFD stands for.
    """

    line: int
    record: dict[str, Any] | Refused
    raw: Any
    replaced: int


def file_format(path: Path) -> tuple[str, bool] | None:
    """(format, is gzip) by the name of a file; None for a name that no reader takes."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    is_gzip = bool(suffixes) and suffixes[-1] == ".gz"
    if is_gzip:
        suffixes.pop()
    name = FORMATS.get(suffixes[-1]) if suffixes else None
    return (name, is_gzip) if name else None


def read_file(path: Path) -> Iterator[Read]:
    """Records of one file, by its name's format."""
    found = file_format(path)
    if found is None:
        raise ValueError(f"{path} has no known format")
    name, is_gzip = found
    with path.open("rb") as plain:
        stream: BinaryIO = gzip.open(plain) if is_gzip else plain  # noqa: SIM115 - closed with the file below it
        if name == "parquet":
            yield from _guarded(_parquet(stream, is_gzip))
        else:
            yield from _guarded(_lines(stream, name))


def read_stream(stream: BinaryIO) -> Iterator[Read]:
    """Records of a stream that cannot be rewound: JSONL if it starts with a brace, else CSV; gzip is recognised."""
    buffered: Any = stream if hasattr(stream, "peek") else io.BufferedReader(stream, 1 << 20)
    head = _peek(buffered)
    if head[:2] == b"\x1f\x8b":
        buffered = gzip.open(buffered)  # noqa: SIM115 - its bytes belong to the caller
        try:
            head = _peek(buffered)
        except (EOFError, OSError, zlib.error) as error:
            yield Read(0, _gzip_refusal(error), None, 0)
            return
    if head[:4] == b"PAR1":
        refusal = Refused("parquet_bad", "standard input", None, "Parquet needs a file; give its path")
        yield Read(0, refusal, None, 0)
        return
    is_json = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    yield from _guarded(_lines(buffered, "jsonl" if is_json else "csv"))


def _peek(stream: Any) -> bytes:
    return stream.peek(4096)[:4096]


def _guarded(reads: Iterator[Read]) -> Iterator[Read]:
    """The reads, and a refusal of the file where its compression breaks off."""
    try:
        yield from reads
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        yield Read(0, _gzip_refusal(error), None, 0)


def _gzip_refusal(error: Exception) -> Refused:
    code = "gzip_truncated" if isinstance(error, EOFError) else "gzip_bad"
    return Refused(code, "the file", None, str(error))


# --- lines


def _lines(stream: BinaryIO, name: str) -> Iterator[Read]:
    first = stream.readline(MAX_LINE_BYTES + 1)
    if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield Read(0, Refused("file_is_utf16", "the file"), first, 0)
        return
    if first.startswith(b"\xef\xbb\xbf"):
        first = first[3:]
    bounded = _bounded_lines(stream, first)
    yield from _jsonl(bounded) if name == "jsonl" else _csv(bounded)


def _bounded_lines(stream: BinaryIO, first: bytes) -> Iterator[bytes | None]:
    """Lines with their line break; None for one that is too long, whose bytes are passed over."""
    line = first
    while line:
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = stream.readline(1 << 20)
            yield None
        else:
            yield line
        line = stream.readline(MAX_LINE_BYTES + 1)


def _jsonl(lines: Iterator[bytes | None]) -> Iterator[Read]:
    loads = orjson.loads
    for number, line in enumerate(lines, start=1):
        if line is None:
            yield Read(number, Refused("line_too_long", f"line {number}", None, _limit()), None, 0)
            continue
        replaced = 0
        try:
            try:
                record = loads(line)
                keys = _key_count(record, 1)
                # as many `":` as keys, and no blank before a colon: no key can be there twice
                if keys < 0 or line.count(b'":') != keys or b'" :' in line or b'"\t:' in line:
                    record = _strict_json(line)
                if b"\\u0000" in line:
                    record, replaced = storable(record)
            except orjson.JSONDecodeError:
                if not line.strip():
                    continue
                record, replaced = storable(_strict_json(line.replace(b"\x00", b"\\u0000")))
            if type(record) is not dict:
                raise Refused("json_not_an_object", f"line {number}", record)
            yield Read(number, converted(record), line, replaced)
        except Refused as refusal:
            if refusal.field == "line":
                refusal.field = f"line {number}"
            yield Read(number, refusal, line, replaced)


def _limit() -> str:
    return f"more than {MAX_LINE_BYTES // 1024 // 1024} MiB"


def _key_count(value: Any, depth: int) -> int:
    """Number of keys in a decoded value; negative where a closer look is due: too deep, or a number beyond 64 bits."""
    count = 0
    if type(value) is dict:
        count = len(value)
        value = value.values()
    elif type(value) is not list:
        return 0
    for item in value:
        kind = type(item)
        if kind is dict or kind is list:
            inner = _key_count(item, depth + 1) if depth < MAX_DEPTH else -1
            if inner < 0:
                return -1
            count += inner
        elif kind is float and not -_NUMBER_LIMIT < item < _NUMBER_LIMIT:
            return -1
    return count


def _strict_json(line: bytes) -> Any:
    """Decode one line with every check, and say what is wrong with it.

    Raises:
        Refused: The line is not UTF-8, not JSON, or JSON that does not fit.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("not_utf8", "line", None, f"byte {error.start + 1} is 0x{line[error.start]:02x}") from error
    try:
        record = json.loads(
            text, object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite, parse_int=_int64
        )
    except RecursionError as error:
        raise Refused("json_too_deep", "line", None, f"more than {MAX_DEPTH} levels") from error
    except json.JSONDecodeError as error:
        # a value that breaks off has its fault at the end, or in a string that is never closed
        is_truncated = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        code = "json_truncated" if is_truncated else "json_malformed"
        raise Refused(code, "line", None, f"{error.msg} at character {error.pos + 1}") from error
    if _depth(record) > MAX_DEPTH:
        raise Refused("json_too_deep", "line", None, f"more than {MAX_DEPTH} levels")
    return record


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Refused("json_duplicate_key", "field", key)
            seen.add(key)
    return record


def _no_constant(name: str) -> Any:
    raise Refused("json_not_finite", "value", name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Refused("json_not_finite", "value", digits)
    return number


def _int64(digits: str) -> int:
    number = int(digits) if len(digits) < 25 else _NUMBER_LIMIT * 2
    if not -_NUMBER_LIMIT <= number < 2 * _NUMBER_LIMIT:
        raise Refused("json_number_too_large", "value", digits)
    return number


def _depth(value: Any) -> int:
    deepest = 0
    pending = [(value, 1)]
    while pending:
        item, level = pending.pop()
        if isinstance(item, dict | list):
            deepest = max(deepest, level)
            if level > MAX_DEPTH:
                break
            pending.extend((inner, level + 1) for inner in (item.values() if isinstance(item, dict) else item))
    return deepest


# --- CSV


class _CsvLines:
    """Text lines for the csv module, which remember where a row began and mark what is not UTF-8."""

    def __init__(self, lines: Iterator[bytes | None]) -> None:
        self._lines = lines
        self.number = 0
        self.too_long = False

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        if line is None:
            self.too_long = True
            return "\n"
        return line.decode("utf-8", errors="surrogateescape")


def _csv(lines: Iterator[bytes | None]) -> Iterator[Read]:
    source = _CsvLines(lines)
    header_line = next(source, None)
    if header_line is None:
        return
    delimiter = max(",;\t", key=header_line.count)
    names = [name.strip() for name in next(csv.reader([header_line], delimiter=delimiter), [])]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        yield Read(1, Refused("csv_header_duplicate", "the header", twice), header_line, 0)
        return
    if missing := [name for name in _CSV_REQUIRED if name not in names]:
        detail = f"missing: {', '.join(missing)}"
        yield Read(1, Refused("csv_header_incomplete", "the header", header_line.strip(), detail), header_line, 0)
        return
    previous = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        rows = csv.reader(source, delimiter=delimiter, strict=True)
        while True:
            number = source.number + 1
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                lines = f"{error}; reading stopped at line {source.number}"
                refusal = Refused("csv_malformed", f"line {number}", None, lines)
                yield Read(number, refusal, None, 0)
                continue
            if row or source.too_long:
                yield _csv_row(source, number, names, row)
    finally:
        csv.field_size_limit(previous)


def _csv_row(source: _CsvLines, number: int, names: list[str], row: list[str]) -> Read:
    replaced = 0
    try:
        if source.too_long:
            source.too_long = False
            raise Refused("line_too_long", f"line {number}", None, _limit())
        if len(row) != len(names):
            raise Refused("csv_column_count", f"line {number}", None, f"{len(row)} values, {len(names)} columns")
        record: dict[str, Any] = {}
        for name, value in zip(names, row, strict=True):
            if value == "" and name != "text":
                continue
            if not value.isprintable() and UNFIT.search(value):
                if _SURROGATE.search(value):
                    raise Refused("not_utf8", f"line {number}", None, f"column {name}")
                value, count = storable(value)
                replaced += count
            record[name] = _from_csv(_KINDS.get(name, "other"), value)
        return Read(number, record, row, replaced)
    except Refused as refusal:
        return Read(number, refusal, row, replaced)


def _from_csv(kind: str, value: str) -> Any:
    """A CSV value as the type of its field; one that does not fit stays as it is, and the checks refuse it."""
    if kind in _STRING_KINDS or kind == "time" or kind == "other":
        return value
    if kind == "boolean":
        return _BOOLEANS.get(value.strip().lower(), value)
    if kind in ("number", "share"):
        try:
            return float(value) if any(mark in value for mark in ".eEnN") else int(value)
        except ValueError:
            return value
    if value[0] in "[{":
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    # plain tags and sources are separated by a bar
    return [part.strip() for part in value.split("|")] if kind in ("tags", "list") else value


# --- Parquet


def _parquet(stream: BinaryIO, is_gzip: bool) -> Iterator[Read]:
    import pyarrow
    from pyarrow import parquet

    # Parquet is read from its end: a compressed file is unpacked to disk first
    with tempfile.TemporaryFile() as unpacked:
        if is_gzip:
            shutil.copyfileobj(stream, unpacked, 1 << 20)
            unpacked.seek(0)
        number = 0
        try:
            reader = parquet.ParquetFile(unpacked if is_gzip else stream, pre_buffer=False)
            for batch in reader.iter_batches(batch_size=PARQUET_BATCH_ROWS):
                for record in batch.to_pylist():
                    number += 1
                    yield _parquet_row(number, record)
        except (pyarrow.ArrowException, OSError) as error:
            if isinstance(error, gzip.BadGzipFile):
                raise
            detail = str(error).splitlines()[0] if str(error) else type(error).__name__
            yield Read(0, Refused("parquet_bad", "the file", None, detail), None, 0)


def _parquet_row(number: int, record: dict[str, Any]) -> Read:
    try:
        plain = {name: _as_field(name, _plain(name, value, 1)) for name, value in record.items() if value is not None}
        if type(plain.get("messages")) is list:
            plain["messages"] = [
                {name: _as_field(name, value) for name, value in message.items()} if type(message) is dict else message
                for message in plain["messages"]
            ]
        replaced = 0
        if b"\\u0000" in encoded(plain):  # Arrow's strings are UTF-8: NUL is all that PostgreSQL cannot hold
            plain, replaced = storable(plain)
        return Read(number, converted(plain), plain, replaced)
    except Refused as refusal:
        return Read(number, refusal, record, 0)


def _plain(name: str, value: Any, depth: int) -> Any:
    """An Arrow value as JSON has it; nulls inside structs are left out, as absent fields are."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        if not math.isfinite(value):
            raise Refused("json_not_finite", name, str(value))
        return value
    if depth > MAX_DEPTH:
        raise Refused("json_too_deep", name)
    if kind is dict:
        return {key: _plain(key, item, depth + 1) for key, item in value.items() if item is not None}
    if kind is list:
        if value and all(type(item) is tuple and len(item) == 2 for item in value):  # a map
            return {str(key): _plain(str(key), item, depth + 1) for key, item in value}
        return [_plain(name, item, depth + 1) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if kind is Decimal:
        return int(value) if value == value.to_integral_value() else float(value)
    raise Refused("value_not_supported", name, repr(value))


def _as_field(name: str, value: Any) -> Any:
    """Numbers in columns of strings, which Parquet files hold for ids, as strings."""
    if type(value) is int and _KINDS.get(name) in _STRING_KINDS and name != "text":
        return str(value)
    return value
