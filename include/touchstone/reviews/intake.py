"""Reviews into `feedback.human_reviews`: from files and from the inbox, checked, keyed like automatic scores, idempotent.

Rows in = rows taken up + rows quarantined. A review that arrives again changes nothing; one that arrives with another value
supersedes the earlier one, which stays: a model's training set is found again by the number of its last review. A review of an
interaction that a task had asked for carries the task and its type as `source`.
"""

from __future__ import annotations

import difflib
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg

from touchstone.learning.reviews import OVERALL, ROW_FIELDS, Review, UnusableReview, read_reviews, review
from touchstone.reviews import queue
from touchstone.scoring.rows import copy_new_rows
from touchstone.settings import Settings
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect
from touchstone.warehouse.locks import pipeline_lock

IMPORT_STEP = "reviews_import"
SOURCE = "reviews"
SENTIMENT = "sentiment"
"""What a label of one message may be about besides the dimensions of a rubric; `overall` is the conversation's total."""

_COLUMNS = (
    "review_id",
    "review_key",
    "interaction_started_at",
    "interaction_key",
    "input_hash",
    "subject",
    "message_key",
    "dimension_id",
    "indicator_id",
    "rubric_version",
    "tier",
    "reviewer",
    "value",
    "label",
    "scale_min",
    "scale_max",
    "is_blind",
    "source",
    "arrived_by",
    "task_key",
    "file",
    "reviewed_at",
    "taken_up_as_of",
    "judged_at",
    "run_id",
)
# What a review says; where a row of the same key says something else, it is a correction.
_SAID = ("value", "label", "scale_min", "scale_max", "tier", "rubric_version", "is_blind")


@dataclass(frozen=True)
class Stated:
    """A review as it was stated, with where it came from.

    Attributes:
        source, instance: Where the interaction is from; None: from any, as long as only one holds the id.
        place: File, or `inbox`.
        line: Line of the file, or number of the inbox row.
    """

    review: Review
    source: str | None
    instance: str | None
    place: str
    line: int


@dataclass(frozen=True)
class Unusable:
    """A row that stays out, with the reason and the remedy."""

    code: str
    reason: str
    remedy: str
    record: dict[str, Any]
    place: str
    line: int


@dataclass
class Intake:
    """What became of the rows; rows of a sheet that nobody filled in (`blank`) are no rows."""

    rows_in: int = 0
    new: int = 0
    corrected: int = 0
    unchanged: int = 0
    blank: int = 0
    unusable: list[Unusable] = field(default_factory=list)

    @property
    def rows_out(self) -> int:
        return self.new + self.corrected + self.unchanged


def import_files(
    paths: Sequence[str | Path],
    as_of: datetime,
    settings: Settings | None = None,
    *,
    source: str | None = None,
    instance: str | None = None,
) -> Intake:
    """Take up the reviews of files.

    Args:
        paths: JSONL, CSV or Parquet; see `touchstone.learning.reviews`.
        as_of: End of the ledger day, UTC.
        source: Source of all interactions that the files name, where ids alone are ambiguous.
        instance: Instance of that source.

    Raises:
        SourceError: A file is absent or has no known format.
        WarehouseError: Core has not been built.
    """
    read = read_reviews(paths)
    stated = [Stated(row, source, instance, *place) for row, place in zip(read.rows, read.places, strict=True)]
    filled = [one for one in read.refused if _is_filled(one.row)]
    refused = [Unusable("not_a_review", one.reason, one.remedy, _known(one.row), one.file, one.line) for one in filled]
    with (
        pipeline_lock(settings),
        ledger.step(IMPORT_STEP, as_of=as_of, source=SOURCE, instance="file", settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone reviews import") as connection,
    ):
        result = take_up(connection, stated, as_of, run.run_id, arrived_by="file", refused=refused)
        connection.commit()
        result.blank = len(read.refused) - len(filled)
        run.rows_in, run.rows_out, run.rows_quarantined = result.rows_in, result.rows_out, len(result.unusable)
        run.detail |= {
            "files": [str(path) for path in paths],
            "new": result.new,
            "corrected": result.corrected,
            "unchanged": result.unchanged,
            "blank": result.blank,
        }
    return result


def take_up_inbox(connection: psycopg.Connection, as_of: datetime, run_id: int) -> Intake:
    """Check what waits in `feedback.review_inbox`; what cannot be used waits on, with its reason, and is tried again."""
    rows = connection.execute(
        """
        select inbox_id, source, instance, interaction_id, message_id, reviewer, dimension, value, scale_min, scale_max,
            reviewed_at, rubric_version, blind, indicator, tier, subject
        from feedback.review_inbox where taken_up_run_id is null order by inbox_id for update
        """
    ).fetchall()
    stated: list[Stated] = []
    refused: list[Unusable] = []
    for inbox_id, source, instance, *values in rows:
        record = dict(zip(ROW_FIELDS, values, strict=True))
        try:
            stated.append(Stated(review(record), source or None, instance or None, "inbox", inbox_id))
        except UnusableReview as fault:
            refused.append(Unusable("not_a_review", fault.reason, fault.remedy, record, "inbox", inbox_id))
    result = take_up(connection, stated, as_of, run_id, arrived_by="table", refused=refused)
    kept = {one.line: one for one in result.unusable}
    connection.execute(
        "update feedback.review_inbox set taken_up_run_id = %s, reason = null, remedy = null where inbox_id = any(%s)",
        [run_id, [row[0] for row in rows if row[0] not in kept]],
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "update feedback.review_inbox set reason = %s, remedy = %s where inbox_id = %s",
            [(one.reason, one.remedy, inbox_id) for inbox_id, one in kept.items()],
        )
    return result


def take_up(
    connection: psycopg.Connection,
    stated: Sequence[Stated],
    as_of: datetime,
    run_id: int,
    *,
    arrived_by: str,
    refused: Iterable[Unusable] = (),
) -> Intake:
    """Resolve, store and quarantine, in the caller's transaction."""
    result = Intake(unusable=list(refused))
    result.rows_in = len(stated) + len(result.unusable)
    finder = _Finder(connection, stated)
    rows: list[dict[str, Any]] = []
    seen: dict[str, Stated] = {}
    for one in stated:
        try:
            row = finder.row(one)
        except _NotFound as fault:
            result.unusable.append(Unusable(fault.code, fault.reason, fault.remedy, _record(one), one.place, one.line))
            continue
        if row["review_key"] in seen:
            first = seen[row["review_key"]]
            result.unusable.append(
                Unusable(
                    "repeated",
                    f"the same reviewer judges the same item and dimension twice at one time (row {first.line} too)",
                    "Keep one of the rows.",
                    _record(one),
                    one.place,
                    one.line,
                )
            )
            continue
        seen[row["review_key"]] = one
        known_at = as_of - timedelta(microseconds=1)
        judged_at = min(one.review.reviewed_at or known_at, known_at)
        rows.append(row | {"arrived_by": arrived_by, "taken_up_as_of": as_of, "judged_at": judged_at, "run_id": run_id})
    present = _present(connection, [row["review_key"] for row in rows])
    fresh = [row for row in rows if present.get(row["review_key"]) != tuple(row[name] for name in _SAID)]
    result.corrected = sum(row["review_key"] in present for row in fresh)
    result.new = len(fresh) - result.corrected
    result.unchanged = len(rows) - len(fresh)
    queue.answer(connection, fresh, as_of)
    _store(connection, fresh)
    _quarantine(connection, result.unusable, as_of, run_id, arrived_by)
    _resolve(connection, [_record_id(_record(one)) for one in seen.values()])
    return result


def _record(one: Stated) -> dict[str, Any]:
    return {name: getattr(one.review, name) for name in ROW_FIELDS}


def _is_filled(record: dict[str, Any]) -> bool:
    """Whether anybody has judged: an exported sheet names what is asked, and leaves these two empty."""
    return not record or "dimension" not in record or bool(record.get("value") or record.get("reviewer"))


def _known(record: dict[str, Any]) -> dict[str, Any]:
    """Fields of a review; what else a file holds may be a customer's words, and is not kept."""
    return {name: record[name] for name in ROW_FIELDS if name in record}


class _NotFound(Exception):
    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy


class _Finder:
    """Keys of what reviews are about."""

    def __init__(self, connection: psycopg.Connection, stated: Sequence[Stated]) -> None:
        self._places = connection.execute(
            "select distinct source, instance from ops.loads order by source, instance"
        ).fetchall()
        keys = {key for one in stated for key, _ in self._interaction_keys(one)}
        self._interactions = {
            row[0]: row[1:]
            for row in connection.execute(
                """
                select interaction_key, started_at, input_hash, human_message_count, ai_message_count
                from core.interactions where interaction_key = any(%s) and started_at is not null
                """,
                [list(keys)],
            )
        }
        messages = {key for one in stated if one.review.message_id for key in self._message_keys(one)}
        self._messages = {
            row[0]: row[1:]
            for row in connection.execute(
                """
                select messages.message_key, messages.interaction_key, messages.actor
                from core.messages as messages
                inner join core.interactions as interactions
                    on messages.interaction_key = interactions.interaction_key
                    and messages.interaction_started_at = interactions.started_at
                where interactions.interaction_key = any(%s) and messages.message_key = any(%s)
                """,
                [list(keys), list(messages)],
            )
        }
        self._names: dict[str, tuple[set[str], dict[str, str]]] = {}
        for version, is_active, dimensions, indicators in connection.execute(
            """
            select registry.rubric_version, bool_or(registry.is_active),
                (select array_agg(dimension_id) from scores.rubric_dimensions as dimensions
                    where dimensions.rubric_version = registry.rubric_version),
                (select jsonb_object_agg(indicator_id, dimension_id) from scores.rubric_indicators as indicators
                    where indicators.rubric_version = registry.rubric_version)
            from scores.scorer_registry as registry group by registry.rubric_version
            """
        ):
            self._names[version] = (set(dimensions or ()), indicators or {})
            if is_active:
                self._names[""] = self._names[version]

    def _interaction_keys(self, one: Stated) -> list[tuple[str, tuple[str, str] | None]]:
        """Keys that the stated id may stand for: the key itself, or the native id in each place that it may be from."""
        said = one.review.interaction_id
        found: list[tuple[str, tuple[str, str] | None]] = [(said, None)]
        for source, instance in self._places:
            if one.source in (None, source) and one.instance in (None, instance):
                found.append((_key(source, instance, said), (source, instance)))
        return found

    def _message_keys(self, one: Stated) -> list[str]:
        said = one.review.message_id or ""
        keys = [said]
        for _, place in self._interaction_keys(one):
            if place:
                keys.append(_key(*place, f"{one.review.interaction_id}:{said}"))
        return keys

    def row(self, one: Stated) -> dict[str, Any]:
        """Columns of `feedback.human_reviews`; raises `_NotFound` with the reason."""
        said = one.review
        held = [(key, place) for key, place in self._interaction_keys(one) if key in self._interactions]
        if not held:
            raise _NotFound(
                "unknown_interaction",
                f"no interaction {said.interaction_id!r} in the warehouse",
                "Run the cycle on its conversation first, then import again; or name its source and instance.",
            )
        if len(held) > 1:
            places = ", ".join(f"{place[0]}:{place[1]}" for _, place in held if place)
            raise _NotFound(
                "ambiguous_interaction",
                f"interaction {said.interaction_id!r} is held by {places}",
                "Name the source and instance.",
            )
        key = held[0][0]
        started_at, input_hash, humans, machines = self._interactions[key]
        message_key, actor = self._message(one, key)
        row = {
            "interaction_key": key,
            "interaction_started_at": started_at,
            "input_hash": input_hash,
            "message_key": message_key,
            "subject": _subject(one, actor, humans, machines),
            **self._dimension(said),
            "rubric_version": said.rubric_version,
            "tier": said.tier,
            "reviewer": said.reviewer,
            "value": None if isinstance(said.value, str) else said.value,
            "label": said.value if isinstance(said.value, str) else None,
            "scale_min": said.scale_min,
            "scale_max": said.scale_max,
            "is_blind": said.blind,
            "file": None if one.place == "inbox" else one.place,
            "reviewed_at": said.reviewed_at,
        }
        identity = [
            row[name]
            for name in ("interaction_key", "subject", "message_key", "reviewer", "dimension_id", "indicator_id")
        ]
        row["review_key"] = digest([*identity, said.reviewed_at])
        return row

    def _message(self, one: Stated, key: str) -> tuple[str | None, str | None]:
        if one.review.message_id is None:
            return None, None
        for message_key in self._message_keys(one):
            owner, actor = self._messages.get(message_key, (None, None))
            if owner == key:
                return message_key, actor
        raise _NotFound(
            "unknown_message",
            f"interaction {one.review.interaction_id!r} has no message {one.review.message_id!r}",
            "Give the message's id as its source states it, or leave it out for a judgement of the whole conversation.",
        )

    def _dimension(self, said: Review) -> dict[str, str | None]:
        version = said.rubric_version or ""
        if version not in self._names:
            known = ", ".join(sorted(name for name in self._names if name)) or "none"
            raise _NotFound(
                "unknown_rubric_version",
                f"no rubric version {said.rubric_version!r} has scored here (known: {known})",
                "Write one of these, or leave it out.",
            )
        dimensions, indicators = self._names[version]
        known = dimensions | {OVERALL, SENTIMENT}
        if said.dimension not in known:
            raise _NotFound(
                "unknown_dimension", f"the rubric has no dimension {said.dimension!r}", _near(said.dimension, known)
            )
        if said.indicator is not None and indicators.get(said.indicator) != said.dimension:
            owner = indicators.get(said.indicator)
            raise _NotFound(
                "unknown_indicator",
                f"dimension {said.dimension!r} has no indicator {said.indicator!r}",
                f"It belongs to {owner!r}." if owner else _near(said.indicator, set(indicators)),
            )
        return {"dimension_id": said.dimension, "indicator_id": said.indicator}


def _subject(one: Stated, actor: str | None, humans: int, machines: int) -> str:
    """The judged side: as stated, else who wrote the message, else the only side that replied."""
    present = [name for name, count in (("human_agent", humans), ("ai_agent", machines)) if count]
    if one.review.subject is not None:
        if one.review.subject not in present:
            raise _NotFound(
                "unknown_subject",
                f"{one.review.subject!r} did not reply in interaction {one.review.interaction_id!r}",
                f"Write {' or '.join(present) or 'nothing: nobody replied'}.",
            )
        return one.review.subject
    if actor in present:
        return actor
    if len(present) == 1:
        return present[0]
    raise _NotFound(
        "ambiguous_subject",
        f"{'a person and an AI agent' if present else 'nobody'} replied in interaction {one.review.interaction_id!r}",
        "Say who is judged: subject human_agent or ai_agent." if present else "Review an interaction with a reply.",
    )


def _near(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return (f"Did you mean {close[0]!r}? " if close else "") + f"Known: {', '.join(sorted(known))}."


def _key(source: str, instance: str, native_id: str) -> str:
    return hashlib.md5(f"{source}:{instance}:{native_id}".encode(), usedforsecurity=False).hexdigest()


def digest(values: Any) -> str:
    """32 hexadecimal digits of JSON-like values; equal values give equal digits."""
    return hashlib.md5(orjson.dumps(values, default=str), usedforsecurity=False).hexdigest()


def _present(connection: psycopg.Connection, keys: list[str]) -> dict[str, tuple[Any, ...]]:
    """What the present rows of these keys say."""
    rows = connection.execute(
        f"select review_key, {', '.join(_SAID)} from feedback.human_reviews where superseded_by is null and review_key = any(%s)",  # noqa: S608
        [keys],
    )
    return {row[0]: row[1:] for row in rows}


def _store(connection: psycopg.Connection, rows: list[dict[str, Any]]) -> None:
    numbers = connection.execute(
        "select nextval(pg_get_serial_sequence('feedback.human_reviews', 'review_id')) from generate_series(1, %s)",
        [len(rows)],
    ).fetchall()
    for row, (number,) in zip(rows, numbers, strict=True):
        row["review_id"] = number
    connection.execute(
        """
        update feedback.human_reviews as held set superseded_by = stated.review_id
        from unnest(%s::text[], %s::bigint[]) as stated (review_key, review_id)
        where held.review_key = stated.review_key and held.superseded_by is null
        """,
        [[row["review_key"] for row in rows], [row["review_id"] for row in rows]],
    )
    copy_new_rows(connection, "feedback", "human_reviews", _COLUMNS, ([row[name] for name in _COLUMNS] for row in rows))


def _record_id(record: dict[str, Any]) -> str:
    names = ("interaction_id", "message_id", "reviewer", "dimension", "indicator")
    return "|".join(str(record.get(name) or "") for name in names)


def _quarantine(
    connection: psycopg.Connection, unusable: list[Unusable], as_of: datetime, run_id: int, arrived_by: str
) -> None:
    ledger.quarantine(
        connection,
        [
            ledger.QuarantineRow(
                quarantine_id=uuid.UUID(digest([SOURCE, one.place, one.line, one.record])),
                source=SOURCE,
                instance=arrived_by,
                stream="human_reviews",
                file=None if one.place == "inbox" else one.place,
                line=one.line,
                interaction_id=_short(one.record.get("interaction_id")),
                record_id=_record_id(one.record)[:1000],
                reason_code=one.code,
                reason=one.reason,
                remedy=one.remedy,
                payload=_payload(one.record),
                run_id=run_id,
                load_id=None,
                as_of=as_of,
            )
            for one in unusable
        ],
    )


def _short(value: Any) -> str | None:
    return None if value is None else str(value)[:256]


def _payload(record: dict[str, Any]) -> str:
    return orjson.dumps(record, default=str).decode().replace("\\u0000", "\\ufffd")[:4000]


def _resolve(connection: psycopg.Connection, record_ids: list[str]) -> None:
    """What was taken up is no longer open in quarantine."""
    connection.execute(
        """
        update ops.quarantine set resolved_at = clock_timestamp()
        where source = %s and stream = 'human_reviews' and resolved_at is null and record_id = any(%s)
        """,
        [SOURCE, record_ids],
    )
