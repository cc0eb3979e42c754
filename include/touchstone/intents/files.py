"""Files of labelled and of plain questions, and of what is said about them.

Rows in = rows used + rows in quarantine, always: a row that cannot be used is kept with its reason and the remedy.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from touchstone.errors import ConfigurationError, SourceError
from touchstone.exports import safe_cell
from touchstone.intents.vectors import folded
from touchstone.learning.reviews import UnusableReview, records
from touchstone.sources.readers import file_format

MAX_TEXT = 100_000
MAX_NAME = 128
LEAST_EXAMPLES = 2
"""Questions that an intent needs to be learned: one to learn from and one to test with."""
UNSTATED = "unstated"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with its intent; language and channel are `unstated` where the row does not say them."""

    line: int
    text: str
    intent: str
    language: str = UNSTATED
    channel: str = UNSTATED


@dataclass(frozen=True, slots=True)
class Question:
    """A question to be judged: its line in the file (rows of Parquet count from 1) and its id, by default the line."""

    line: int
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A row in quarantine."""

    line: int
    reason: str
    remedy: str
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Labels:
    """Labelled rows that can be used, and the others.

    Attributes:
        duplicates: Rows that repeat text and intent of an earlier one.
        conflicts: Rows whose text has different intents.
    """

    rows: list[Labelled] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    duplicates: int = 0
    conflicts: int = 0

    @property
    def rows_in(self) -> int:
        return len(self.rows) + len(self.refused)

    @property
    def data_hash(self) -> str:
        """Digest of the used rows, whatever their order."""
        lines = sorted(orjson.dumps([row.text, row.intent, row.language, row.channel]) for row in self.rows)
        return hashlib.sha256(b"\n".join(lines)).hexdigest()


@dataclass
class Questions:
    """Questions that can be judged, and the rows that cannot."""

    rows: list[Question] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    @property
    def rows_in(self) -> int:
        return len(self.rows) + len(self.refused)


def read_labels(path: str | Path) -> Labels:
    """Labelled questions of a CSV, JSONL or Parquet file, plain or gzip: columns text, intent; optional language, channel.

    Raises:
        SourceError: The file is absent, has no known format, or lacks a column.
    """
    return labels_from(_rows(Path(path), ("text", "intent")))


def labels_from(rows: Iterable[tuple[int, Mapping[str, Any] | UnusableReview]]) -> Labels:
    """Labelled questions from (line, record); the checks of `read_labels`.

    In quarantine go rows without text or intent, repeated rows, all rows of a text that has two intents (nobody knows which
    one is right), and intents with fewer than `LEAST_EXAMPLES` different texts.
    """
    found = Labels()
    kept: list[tuple[Labelled, Mapping[str, Any]]] = []
    for line, record in rows:
        try:
            if isinstance(record, UnusableReview):
                raise record
            one = Labelled(
                line,
                _text(record.get("text")),
                _name("intent", record.get("intent")),
                _name("language", record.get("language"), UNSTATED),
                _name("channel", record.get("channel"), UNSTATED),
            )
            kept.append((one, record))
        except UnusableReview as fault:
            row = record if isinstance(record, Mapping) else {}
            found.refused.append(Refused(line, fault.reason, fault.remedy, row))
    intents: dict[str, dict[str, int]] = defaultdict(dict)
    for one, _ in kept:
        intents[folded(one.text)].setdefault(one.intent, one.line)
    texts = Counter(next(iter(names)) for names in intents.values() if len(names) == 1)
    for one, record in kept:
        names = intents[folded(one.text)]
        if len(names) > 1:
            found.conflicts += 1
            reason = f"the text has the intents {', '.join(sorted(names))}"
            found.refused.append(Refused(one.line, reason, "Decide for one of them.", record))
        elif names[one.intent] != one.line:
            found.duplicates += 1
            reason = f"the row repeats line {names[one.intent]}"
            found.refused.append(Refused(one.line, reason, "Nothing to do: the first one counts.", record))
        elif texts[one.intent] < LEAST_EXAMPLES:
            reason = f"the intent {one.intent} has fewer than {LEAST_EXAMPLES} different texts"
            found.refused.append(Refused(one.line, reason, "Label more questions of this intent.", record))
        else:
            found.rows.append(one)
    found.refused.sort(key=lambda one: one.line)
    return found


def read_questions(path: str | Path) -> Questions:
    """Questions of a CSV, JSONL or Parquet file, plain or gzip, with a column text and an optional id; or lines of a .txt file.

    Raises:
        SourceError: The file is absent, has no known format, lacks a column, or gives an id twice.
    """
    path = Path(path)
    found = Questions()
    seen: set[str] = set()
    if path.suffix.lower() == ".txt":
        rows: Iterable[tuple[int, Any]] = _lines(path)
    else:
        rows = _rows(path, ("text",))
    for line, record in rows:
        try:
            if isinstance(record, UnusableReview):
                raise record
            identity = record.get("id")
            one = Question(line, str(line) if identity in (None, "") else str(identity), _text(record.get("text")))
            if one.id in seen:
                raise UnusableReview(
                    f"the id {one.id} stands in an earlier row", "Give every question an id of its own."
                )
            seen.add(one.id)
            found.rows.append(one)
        except UnusableReview as fault:
            row = record if isinstance(record, Mapping) else {}
            found.refused.append(Refused(line, fault.reason, fault.remedy, row))
    return found


def _rows(path: Path, required: Sequence[str]) -> Iterable[tuple[int, Any]]:
    if not path.is_file():
        raise SourceError("there is no such file", str(path), "Give the path of a file of questions.")
    return records(path, required)


def _lines(path: Path) -> Iterable[tuple[int, Any]]:
    if not path.is_file():
        raise SourceError("there is no such file", str(path), "Give the path of a file of questions.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SourceError(f"the file is not UTF-8 ({error.reason})", str(path), "Save it as UTF-8.") from error
    return [(number, {"text": line}) for number, line in enumerate(lines, 1) if line.strip()]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UnusableReview("text is missing, empty or no text", "Write the customer's question.")
    if len(value) > MAX_TEXT:
        raise UnusableReview(f"text is longer than {MAX_TEXT:,} characters", "Cut it to the question.")
    # what cannot be encoded cannot be stored either
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _name(column: str, value: Any, default: str | None = None) -> str:
    if value is None or value == "":
        if default is not None:
            return default
        raise UnusableReview(f"{column} is missing or empty", f"Give the {column}.")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UnusableReview(f"{column} {value!r} is not a name", "Write it in quotes.")
    name = str(value).strip()
    if not name or len(name) > MAX_NAME or any(ord(char) < 32 for char in name):
        raise UnusableReview(
            f"{column} is empty, longer than {MAX_NAME} characters or holds a control character", "Correct it."
        )
    return name


# --- writing


def require_format(path: str | Path) -> tuple[str, bool]:
    """(format, is gzip) of an output; asked before the work begins.

    Raises:
        ConfigurationError: The suffix is none of .parquet, .csv, .jsonl, plain or .gz.
    """
    form = file_format(Path(path))
    if form is None:
        raise ConfigurationError("a file of an unknown format", str(path), "End it on .parquet, .csv or .jsonl.")
    return form


def write_rows(path: str | Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """A table by the suffix of its file: .parquet, .csv or .jsonl, plain or .gz; a reader sees it whole or not at all.

    Text cells of CSV that a spreadsheet would evaluate get a quote before them.

    Raises:
        ConfigurationError: The suffix is none of these.
    """
    path = Path(path)
    name, is_gzip = require_format(path)
    if name == "parquet":
        data = _as_parquet(columns)
    elif name == "csv":
        data = _as_csv(columns)
    else:
        names = list(columns)
        data = b"".join(
            orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
            for row in zip(*columns.values(), strict=True)
        )
    # no time in the header: the same rows are the same file
    write_bytes(path, gzip.compress(data, mtime=0) if is_gzip else data)


def _as_parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    stream = io.BytesIO()
    parquet.write_table(pyarrow.table({name: list(values) for name, values in columns.items()}), stream)
    return stream.getvalue()


def _as_csv(columns: Mapping[str, Sequence[Any]]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if value is None else safe_cell(value) for value in row])
    return stream.getvalue().encode()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under another name first, so that nobody reads a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def quarantine_path(out: Path) -> Path:
    """Where the refused rows of an output go: beside it, `<name>.quarantine.jsonl`; inside it where it is a folder."""
    return out / "quarantine.jsonl" if out.is_dir() else out.with_name(f"{out.name}.quarantine.jsonl")


def write_quarantine(out: Path, refused: Sequence[Refused]) -> Path | None:
    """The rows in quarantine; None where there are none, and an older file is removed then."""
    path = quarantine_path(out)
    if not refused:
        path.unlink(missing_ok=True)
        return None
    lines = [
        orjson.dumps({"line": one.line, "reason": one.reason, "remedy": one.remedy, "row": dict(one.row)}, default=str)
        for one in refused
    ]
    write_bytes(path, b"".join(line + b"\n" for line in lines))
    return path
