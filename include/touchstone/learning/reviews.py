"""Review rows: what people said about a conversation or one of its messages.

Accepted rows keep the keys that automatic scores use. A row that cannot be used is refused with its reason:
rows in = rows out + refused.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from scipy.stats import rankdata

from touchstone.errors import SourceError
from touchstone.rubric.model import SUBJECTS, TIERS
from touchstone.sources.readers import file_format

REQUIRED = ("interaction_id", "reviewer", "dimension", "value")
OVERALL = "overall"
_MONTH = 30.44 * 86_400  # seconds
MAX_LENGTH = 256
AGREEMENT_PRIOR = 10
"""Shared items that a reviewer's measured agreement needs to count as much as the mean of all reviewers."""
LEAST_WEIGHT = 0.25
"""A reviewer who agrees with nobody still counts a quarter: two may be right against many."""
_TRUE, _FALSE = frozenset(("true", "t", "1", "yes")), frozenset(("false", "f", "0", "no", ""))
ROW_FIELDS = (
    "interaction_id",
    "message_id",
    "reviewer",
    "dimension",
    "value",
    "scale_min",
    "scale_max",
    "reviewed_at",
    "rubric_version",
    "blind",
    "indicator",
    "tier",
    "subject",
)


@dataclass(frozen=True, slots=True)
class Review:
    """One judgement by one person.

    Attributes:
        message_id: None for a judgement of the whole conversation.
        dimension: `overall` or any name.
        value: A number on the scale, or a word (a class such as `negative`); words have no scale.
        reviewed_at: With zone; None where the row does not say it.
        blind: Whether the reviewer saw no automatic score; None where not stated.
        indicator: The behaviour that is judged, where the row is about one.
        subject: human_agent or ai_agent, where both replied and one of them is judged.
    """

    interaction_id: str
    message_id: str | None
    reviewer: str
    dimension: str
    value: float | str
    scale_min: float | None
    scale_max: float | None
    reviewed_at: datetime | None
    rubric_version: str | None = None
    blind: bool | None = None
    indicator: str | None = None
    tier: str | None = None
    subject: str | None = None

    @property
    def name(self) -> str:
        """What is judged: the dimension, or `dimension.indicator`."""
        return f"{self.dimension}.{self.indicator}" if self.indicator else self.dimension

    @property
    def scaled(self) -> float:
        """The value as 0 to 1 on its scale; only of numbers."""
        return (float(self.value) - self.scale_min) / (self.scale_max - self.scale_min)  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class RefusedReview:
    """A row that cannot be used: where it stands, why, and what to do."""

    file: str
    line: int
    row: dict[str, Any]
    reason: str
    remedy: str


@dataclass
class Reviews:
    """Accepted and refused rows of one or more files; `rows_in` is the sum of both.

    Attributes:
        places: File and line of each accepted row.
    """

    rows: list[Review] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    refused: list[RefusedReview] = field(default_factory=list)

    @property
    def rows_in(self) -> int:
        return len(self.rows) + len(self.refused)

    @property
    def data_hash(self) -> str:
        """Digest of the accepted rows, whatever their order."""
        lines = sorted(orjson.dumps(asdict(row), option=orjson.OPT_SORT_KEYS) for row in self.rows)
        return hashlib.sha256(b"\n".join(lines)).hexdigest()


class UnusableReview(Exception):
    """A row that is no review: why, and what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


def read_reviews(paths: Iterable[str | Path]) -> Reviews:
    """Review rows of JSONL, CSV or Parquet files, plain or gzip.

    A later row of the same reviewer on the same item and dimension at the same time repeats an earlier one and is refused; at
    another time it is a second judgement and kept (self-consistency is measured on those).

    Raises:
        SourceError: A file is absent or has no known format.
    """
    found = _Collection()
    for path in map(Path, paths):
        if not path.is_file():
            raise SourceError("there is no such file", str(path), "Give the path of a file of review rows.")
        for line, record in records(path, REQUIRED):
            found.add(str(path), line, record)
    return found.reviews


def from_records(records: Iterable[dict[str, Any]], origin: str = "records") -> Reviews:
    """Review rows that are in memory, checked like those of a file."""
    found = _Collection()
    for number, record in enumerate(records, 1):
        found.add(origin, number, record)
    return found.reviews


class _Collection:
    """Accepted and refused rows, with what tells repeated rows and changing scales."""

    def __init__(self) -> None:
        self.reviews = Reviews()
        self._seen: set[tuple[Any, ...]] = set()
        self._scales: dict[str, tuple[Any, ...]] = {}

    def add(self, origin: str, line: int, record: dict[str, Any] | UnusableReview) -> None:
        try:
            if isinstance(record, UnusableReview):
                raise record
            row = review(record)
            scale = (row.scale_min, row.scale_max)
            stated = self._scales.setdefault(row.name, scale)
            if stated != scale:
                raise UnusableReview(
                    f"dimension {row.name!r} has the scale {_shown(scale)} here and {_shown(stated)} before",
                    "Keep one scale per dimension, or give the dimensions two names.",
                )
            key = (row.interaction_id, row.message_id, row.reviewer, row.name, row.reviewed_at, row.subject)
            if key in self._seen:
                raise UnusableReview(
                    "the same reviewer judges the same item and dimension twice at one time", "Keep one of the rows."
                )
            self._seen.add(key)
            self.reviews.rows.append(row)
            self.reviews.places.append((origin, line))
        except UnusableReview as fault:
            kept = record if isinstance(record, dict) else {}
            self.reviews.refused.append(RefusedReview(origin, line, kept, fault.reason, fault.remedy))


def _shown(scale: tuple[Any, ...]) -> str:
    return "of words" if scale[0] is None else f"{scale[0]:g} to {scale[1]:g}"


def review(record: dict[str, Any]) -> Review:
    """One checked row; raises `UnusableReview` with the reason where a field is at fault."""
    for name in REQUIRED:
        if record.get(name) is None or record[name] == "":
            raise UnusableReview(f"{name} is missing or empty", f"A row needs {', '.join(REQUIRED)}.")
    texts = {
        name: _text(name, record.get(name))
        for name in (
            "interaction_id",
            "message_id",
            "reviewer",
            "dimension",
            "rubric_version",
            "indicator",
            "tier",
            "subject",
        )
    }
    value, low, high = _value(record)
    if texts["tier"] is not None and texts["tier"] not in TIERS:
        raise UnusableReview(f"tier {texts['tier']!r} is unknown", f"Write one of {', '.join(TIERS)}, or leave it out.")
    if texts["subject"] is not None and texts["subject"] not in SUBJECTS:
        raise UnusableReview(
            f"subject {texts['subject']!r} is unknown", f"Write {' or '.join(SUBJECTS)}, or leave it out."
        )
    return Review(
        **texts,  # type: ignore[arg-type]
        value=value,
        scale_min=low,
        scale_max=high,
        reviewed_at=_moment(record.get("reviewed_at")),
        blind=_flag(record.get("blind")),
    )


def _text(name: str, value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UnusableReview(f"{name} {value!r} is not a text", "Write it in quotes.")
    text = str(value).strip()
    if not text or len(text) > MAX_LENGTH or any(ord(char) < 32 for char in text):
        raise UnusableReview(f"{name} is empty, longer than {MAX_LENGTH} or holds a control character", "Correct it.")
    return text


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UnusableReview(f"{name} {value!r} is not a number", "Write a number.") from None
    if not math.isfinite(number):
        raise UnusableReview(f"{name} {value!r} is not finite", "Write a finite number.")
    return number


def _value(record: dict[str, Any]) -> tuple[float | str, float | None, float | None]:
    value = record["value"]
    stated = [record.get(name) for name in ("scale_min", "scale_max")]
    ends = [None if one == "" else one for one in stated]
    if isinstance(value, bool):
        value = float(value)
        ends = [0.0 if ends[0] is None else ends[0], 1.0 if ends[1] is None else ends[1]]
    if ends == [None, None]:
        if isinstance(value, str) and not _is_number(value):
            return _text("value", value), None, None  # type: ignore[return-value]
        raise UnusableReview(
            "a number without its scale", "Give scale_min and scale_max, or write the class as a word."
        )
    if None in ends:
        raise UnusableReview("only one end of the scale is given", "Give scale_min and scale_max.")
    low, high = (_number(name, one) for name, one in zip(("scale_min", "scale_max"), ends, strict=True))
    if low >= high:
        raise UnusableReview(f"scale_min {low:g} is not below scale_max {high:g}", "Correct the ends of the scale.")
    number = _number("value", value)
    if not low <= number <= high:
        raise UnusableReview(
            f"value {number:g} is outside its scale {low:g} to {high:g}", "Correct the value or the scale."
        )
    return number, low, high


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _moment(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise UnusableReview(f"reviewed_at {value!r} is not a time", "Write it as 2026-03-01T09:00:00Z.") from None
    if moment.tzinfo is None:
        if len(str(value)) > 10:
            raise UnusableReview(f"reviewed_at {value!r} has no zone", "Write it as 2026-03-01T09:00:00Z.")
        moment = moment.replace(tzinfo=UTC)  # a day alone is a day in UTC
    return moment.astimezone(UTC)


def _flag(value: Any) -> bool | None:
    if value is None:
        return None
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return None if text == "" else False
    raise UnusableReview(f"blind {value!r} is not true or false", "Write true or false, or leave it out.")


# --- files


def records(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, Any] | UnusableReview]]:
    """Rows of a JSONL, CSV or Parquet file, plain or gzip: line and record, or why the line is none.

    Args:
        required: Columns that the header of a CSV file must have.

    Raises:
        SourceError: The file has no known format, or cannot be read as a whole.
    """
    form = file_format(path)
    if form is None:
        raise SourceError("a file of an unknown format", str(path), "Use .jsonl, .csv or .parquet, plain or .gz.")
    name, is_gzip = form
    data = path.read_bytes()
    if is_gzip:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise SourceError(f"the file is no whole gzip file ({error})", str(path), "Export it again.") from error
    if name == "parquet":
        yield from _parquet(path, data)
    elif name == "csv":
        yield from _csv(path, data, required)
    else:
        for number, line in enumerate(data.splitlines(), 1):
            if not line.strip():
                continue
            try:
                record = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
            except orjson.JSONDecodeError as error:
                yield number, UnusableReview(f"the line is not JSON ({error})", "Write one JSON object per line.")
                continue
            is_object = isinstance(record, dict)
            yield (
                number,
                record if is_object else UnusableReview("the line is no JSON object", "Write one object per line."),
            )


def _csv(path: Path, data: bytes, required: Sequence[str]) -> Iterator[tuple[int, dict[str, Any] | UnusableReview]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"the file is not UTF-8 ({error.reason})", str(path), "Save it as UTF-8.") from error
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    names = [name.strip() for name in rows.fieldnames or []]
    if missing := [name for name in required if name not in names]:
        raise SourceError(f"the header lacks {', '.join(missing)}", str(path), f"It needs {', '.join(required)}.")
    rows.fieldnames = names
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield rows.line_num, UnusableReview(f"the line is not CSV ({error})", "Shorten or quote its values.")
            continue
        if None in row or None in row.values():
            yield (
                rows.line_num,
                UnusableReview("the row has a wrong number of columns", "Quote values that hold a separator."),
            )
        else:
            yield rows.line_num, {name: value for name, value in row.items() if value != ""}


def _parquet(path: Path, data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(pyarrow.BufferReader(data))
    except pyarrow.ArrowException as error:
        raise SourceError("the file cannot be read as Parquet", str(path), str(error).splitlines()[0]) from error
    yield from enumerate(table.to_pylist(), 1)


# --- reviewers


@dataclass(frozen=True)
class Reviewer:
    """How one reviewer of a dimension compares with the others.

    Attributes:
        n: Judgements.
        shared: Items that somebody else judged too.
        agreement: Spearman's correlation with the mean of the others on shared items (of words: share of items with the
            others' majority); None below three shared items.
        leniency: Mean difference to the mean of the others on the same items, in shares of the scale; None for words.
        self_consistency: Share of items judged twice that got the same value; None without such items.
        drift: Change of the leniency per month, least squares, with its 95 % interval in `drift_low` and `drift_high`; None
            below ten shared items or thirty days.
        weight: What a judgement counts in the fit; the mean of all reviewers is 1.
    """

    reviewer: str
    n: int
    shared: int
    agreement: float | None
    leniency: float | None
    self_consistency: float | None
    drift: float | None
    drift_low: float | None
    drift_high: float | None
    weight: float


Item = tuple[str, str | None]


def by_item(rows: Iterable[Review]) -> dict[Item, list[Review]]:
    """Judgements by what they are about: (interaction, message or None)."""
    found: dict[Item, list[Review]] = {}
    for row in rows:
        found.setdefault((row.interaction_id, row.message_id), []).append(row)
    return found


def rank_reviewers(rows: Iterable[Review]) -> list[Reviewer]:
    """Reviewers of one dimension, the one who agrees most with the others first.

    weight = max(LEAST_WEIGHT, shrunk agreement) scaled to mean 1, where the agreement is drawn to the mean of all reviewers by
    shared / (shared + AGREEMENT_PRIOR). One reviewer alone, or none who shares items, has weight 1.
    """
    rows = list(rows)
    words = any(isinstance(row.value, str) for row in rows)
    pairs: dict[str, list[tuple[Any, Any]]] = {}
    counts: dict[str, int] = {}
    twice: dict[str, list[bool]] = {}
    moved: dict[str, list[tuple[float, float]]] = {}
    for judged in by_item(rows).values():
        mine: dict[str, list[Any]] = {}
        for row in judged:
            counts[row.reviewer] = counts.get(row.reviewer, 0) + 1
            mine.setdefault(row.reviewer, []).append(row.value if words else row.scaled)
        for reviewer, values in mine.items():
            if len(values) > 1:
                twice.setdefault(reviewer, []).append(len(set(values)) == 1)
            others = [value for other, theirs in mine.items() if other != reviewer for value in theirs]
            if not others:
                continue
            if words:
                majority = max(sorted(set(others)), key=others.count)
                pairs.setdefault(reviewer, []).append((values[-1], majority))
            else:
                pairs.setdefault(reviewer, []).append((float(np.mean(values)), float(np.mean(others))))
                moved.setdefault(reviewer, []).extend(
                    (row.reviewed_at.timestamp() / _MONTH, row.scaled - float(np.mean(others)))
                    for row in judged
                    if row.reviewer == reviewer and row.reviewed_at
                )
    agreement = {name: _agreement(found, words) for name, found in pairs.items()}
    known = [value for value in agreement.values() if value is not None]
    centre = float(np.mean(known)) if known else 1.0
    raw: dict[str, float] = {}
    for name in counts:
        shared, value = len(pairs.get(name, ())), agreement.get(name)
        shrunk = centre if value is None else (shared * value + AGREEMENT_PRIOR * centre) / (shared + AGREEMENT_PRIOR)
        raw[name] = max(LEAST_WEIGHT, shrunk)
    mean = float(np.mean(list(raw.values()))) if raw else 1.0
    found = [
        Reviewer(
            reviewer=name,
            n=counts[name],
            shared=len(pairs.get(name, ())),
            agreement=agreement.get(name),
            leniency=None
            if words or name not in pairs
            else float(np.mean([one - other for one, other in pairs[name]])),
            self_consistency=float(np.mean(twice[name])) if name in twice else None,
            **_drift(moved.get(name, [])),
            weight=raw[name] / mean,
        )
        for name in counts
    ]
    return sorted(found, key=lambda one: (-(one.agreement if one.agreement is not None else -2.0), one.reviewer))


def _drift(moved: list[tuple[float, float]]) -> dict[str, float | None]:
    """Slope of (months, leniency) with its interval."""
    months, leniency = np.array(moved, dtype=float).reshape(-1, 2).T
    if len(moved) < 10 or np.ptp(months) < 30 / 30.44:
        return {"drift": None, "drift_low": None, "drift_high": None}
    months = months - months.mean()
    spread = float(months @ months)
    slope = float(months @ leniency) / spread
    residual = leniency - leniency.mean() - slope * months
    half = 1.96 * math.sqrt(float(residual @ residual) / (len(moved) - 2) / spread)
    return {"drift": slope, "drift_low": slope - half, "drift_high": slope + half}


def _agreement(pairs: list[tuple[Any, Any]], words: bool) -> float | None:
    if len(pairs) < 3:
        return None
    if words:
        return float(np.mean([one == other for one, other in pairs]))
    ranks = [rankdata(values) for values in zip(*pairs, strict=True)]
    if any(np.ptp(values) == 0 for values in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])
