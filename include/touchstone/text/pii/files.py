"""Conversation files in, the same files out with personal data redacted.

Messages keep their order in the file: in a document that of its list, in files of one message a row that of the rows of a
conversation. Beside `text`, the customer's name and e-mail address are left out, free text in feedback, tool calls and
attributes is redacted, and in other fields what rules find. Ids stay, so that reviews and scores still join.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from touchstone.errors import SourceError
from touchstone.sources.readers import FORMATS, PARQUET_BATCH_ROWS, Read, file_format, read_file
from touchstone.sources.reasons import Refused
from touchstone.text.pii import rules
from touchstone.text.pii.tagger import Tagger
from touchstone.text.redact import Conversation, redact, replaced

_AS_THEY_ARE = frozenset(
    [
        "interaction_id",
        "message_id",
        "sent_at",
        "started_at",
        "closed_at",
        "deleted_at",
        "rated_at",
        "updated_at",
        "channel",
        "status",
        "actor",
        "language",
    ]
)
_FREE_TEXT = frozenset(["feedback", "tool_calls", "attributes"])
_LEFT_OUT = "customer_email"


@dataclass
class Summary:
    """What a run did, without a single value.

    Attributes:
        types: Placeholders by type.
        refused: "file, line: why" of each record that could not be read; it is not in the output.
    """

    files: int = 0
    messages: int = 0
    redacted: int = 0
    types: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


def redact_files(targets: Iterable[Path], out: Path, tagger: Tagger | None = None) -> Summary:
    """Write a redacted copy of each conversation file into a folder.

    Args:
        targets: Files, or folders whose files are taken with their relative paths.
        tagger: Another than the one that ships.

    Raises:
        SourceError: A target is absent or of no known format, two have one name, or the output would replace an input.
    """
    summary = Summary()
    pairs = list(_pairs(targets, out))
    for source, copy in pairs:
        copy.parent.mkdir(parents=True, exist_ok=True)
        partial = copy.with_name(f".{copy.name}.partial")
        _copy(source, partial, _Redactor(summary, tagger))
        partial.replace(copy)
        summary.files += 1
    return summary


def _pairs(targets: Iterable[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    known = ", ".join(f"{suffix}[.gz]" for suffix in FORMATS)
    taken: dict[Path, Path] = {}
    for target in targets:
        if not target.exists():
            raise SourceError("no such file or folder", str(target), "Give the path of a conversation file or folder.")
        if target.is_file() and file_format(target) is None:
            raise SourceError("a file of no known format", str(target), f"Its name must end in one of {known}.")
        found = [target] if target.is_file() else sorted(path for path in target.rglob("*") if path.is_file())
        for source in found:
            if file_format(source) is None:
                continue
            copy = out / (source.name if target.is_file() else source.relative_to(target))
            if copy.resolve() == source.resolve():
                raise SourceError("the output would replace its input", str(source), "Name another folder with --out.")
            if copy in taken:
                raise SourceError(
                    "two files have one name", f"{taken[copy]}, {source}", "Redact them into two folders."
                )
            taken[copy] = source
            yield source, copy


class _Redactor:
    """Redacts records one after the other; rows of a conversation find it again."""

    def __init__(self, summary: Summary, tagger: Tagger | None) -> None:
        self._summary = summary
        self._tagger = tagger
        self._conversations: dict[str, Conversation] = {}

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        messages = record.get("messages")
        if isinstance(messages, list):
            conversation = Conversation(self._tagger)
            said = [self._message(entry, conversation) if isinstance(entry, dict) else entry for entry in messages]
            return {**self._fields(record), "messages": said}
        key = str(record.get("interaction_id"))
        return self._message(record, self._conversations.setdefault(key, Conversation(self._tagger)))

    def _message(self, record: dict[str, Any], conversation: Conversation) -> dict[str, Any]:
        found = self._fields(record)
        actor = record.get("actor")
        if actor == "customer" and "actor_name" in found:
            found["actor_name"] = None
        text = record.get("text")
        if isinstance(text, str):
            spans = conversation.find("note" if record.get("is_internal") is True else str(actor), text)
            found["text"], pii = replaced(text, spans)
            self._summary.messages += 1
            self._summary.redacted += bool(pii)
            self._summary.types.update(entry["type"] for entry in pii)
        return found

    def _fields(self, record: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name, value in record.items():
            if name == _LEFT_OUT:
                value = None
            elif name in _FREE_TEXT:
                value = self._anywhere(value)
            elif isinstance(value, str) and name not in _AS_THEY_ARE and name != "text":
                value, pii = replaced(value, rules.found(rules.shadow_of(value)))
                self._summary.types.update(entry["type"] for entry in pii)
            found[name] = value
        return found

    def _anywhere(self, value: Any) -> Any:
        if isinstance(value, str):
            text, pii = redact(value)
            self._summary.types.update(entry["type"] for entry in pii)
            return text
        if isinstance(value, dict):
            return {key: self._anywhere(held) for key, held in value.items()}
        if isinstance(value, list):
            return [self._anywhere(held) for held in value]
        return value

    def readable(self, source: Path, reads: Iterable[Read]) -> Iterator[dict[str, Any]]:
        """Redacted records; the refused ones are noted."""
        for read in reads:
            if isinstance(read.record, Refused):
                self._summary.refused.append(f"{source}, line {read.line}: {read.record.code}")
            else:
                yield self(read.record)


def _copy(source: Path, copy: Path, redactor: _Redactor) -> None:
    name, is_gzip = file_format(source) or ("", False)
    if name == "parquet":
        _copy_parquet(source, copy, redactor, is_gzip)
        return
    with _writer(copy, is_gzip) as stream:
        records = redactor.readable(source, read_file(source))
        if name == "jsonl":
            for record in records:
                stream.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
            return
        columns, delimiter = _csv_header(source, is_gzip)
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        rows = csv.DictWriter(text, columns, delimiter=delimiter, extrasaction="ignore", lineterminator="\n")
        rows.writeheader()
        rows.writerows({key: _as_csv(value) for key, value in record.items()} for record in records)
        text.detach()  # the stream is closed where it was opened


@contextmanager
def _writer(path: Path, is_gzip: bool) -> Iterator[IO[bytes]]:
    with path.open("wb") as plain:
        if not is_gzip:
            yield plain
            return
        with gzip.GzipFile(fileobj=plain, mode="wb", filename="", mtime=0) as packed:
            yield packed


def _csv_header(source: Path, is_gzip: bool) -> tuple[list[str], str]:
    with gzip.open(source) if is_gzip else source.open("rb") as stream:
        line = stream.readline().decode("utf-8-sig", errors="replace")
    delimiter = max(",;\t", key=line.count)
    return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])], delimiter


def _as_csv(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _copy_parquet(source: Path, copy: Path, redactor: _Redactor, is_gzip: bool) -> None:
    import pyarrow
    from pyarrow import parquet

    unpacked = pyarrow.BufferReader(gzip.decompress(source.read_bytes())) if is_gzip else source
    with parquet.ParquetFile(unpacked) as reader, _writer(copy, is_gzip) as stream:
        schema = reader.schema_arrow
        with parquet.ParquetWriter(stream, schema) as writer:
            for batch in reader.iter_batches(batch_size=PARQUET_BATCH_ROWS):
                records = [redactor(record) for record in batch.to_pylist()]
                writer.write_table(pyarrow.Table.from_pylist(records, schema=schema))
