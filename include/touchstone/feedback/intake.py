"""Feedback into `feedback.records`: from files and from the inbox, checked by kind, idempotent.

Rows in = rows taken up + rows quarantined. A row that arrives again changes nothing; one of the same key that says something
else supersedes the earlier one, which stays.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg

from touchstone.errors import SourceError
from touchstone.feedback.kinds import KINDS, Kind, UnusableRecord, find_kind, near, parse
from touchstone.feedback.places import Finder, Place
from touchstone.learning.reviews import UnusableReview, records
from touchstone.scoring.rows import copy_new_rows
from touchstone.settings import Settings
from touchstone.text.redact import redact
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect
from touchstone.warehouse.locks import pipeline_lock

IMPORT_STEP = "feedback_import"
INBOX_STEP = "feedback"
SOURCE = "feedback"

_COLUMNS = (
    "record_id",
    "kind",
    "record_key",
    "interaction_key",
    "message_key",
    "record",
    "arrived_by",
    "file",
    "taken_up_as_of",
    "run_id",
)


@dataclass(frozen=True)
class Stated:
    """A row that fits its kind, with where it came from.

    Attributes:
        place: File, or `inbox`.
        line: Line of the file, or number of the inbox row.
    """

    kind: Kind
    row: dict[str, Any]
    record: dict[str, Any]
    place: str
    line: int


@dataclass(frozen=True)
class Unusable:
    """A row that stays out, with the reason and the remedy."""

    kind: str
    fault: UnusableRecord
    record: dict[str, Any]
    place: str
    line: int


@dataclass
class Intake:
    """What became of the rows."""

    rows_in: int = 0
    new: int = 0
    corrected: int = 0
    unchanged: int = 0
    unusable: list[Unusable] = field(default_factory=list)

    @property
    def rows_out(self) -> int:
        return self.new + self.corrected + self.unchanged


def import_files(
    kind_name: str,
    paths: Sequence[str | Path],
    as_of: datetime,
    settings: Settings | None = None,
    *,
    source: str | None = None,
    instance: str | None = None,
) -> Intake:
    """Take up the rows of files of one kind.

    Args:
        paths: JSONL, CSV or Parquet, plain or gzip.
        as_of: End of the ledger day, UTC.
        source: Source of the interactions that the files name, where they do not say it and ids alone are ambiguous.
        instance: Instance of that source.

    Raises:
        ConfigurationError: There is no such kind.
        SourceError: A file is absent or has no known format.
    """
    kind = find_kind(kind_name)
    defaults = {
        name: value for name, value in (("source", source), ("instance", instance)) if value and name in kind.names
    }
    stated: list[Stated] = []
    refused: list[Unusable] = []
    for path in map(Path, paths):
        if not path.is_file():
            raise SourceError("there is no such file", str(path), f"Give the path of a file of {kind.name}.")
        for line, record in records(path, kind.required):
            _sort_in(kind, record, defaults, as_of, str(path), line, stated, refused)
    with (
        pipeline_lock(settings),
        ledger.step(IMPORT_STEP, as_of=as_of, source=SOURCE, instance=kind.name, settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone feedback import") as connection,
    ):
        result = take_up(connection, stated, as_of, run.run_id, arrived_by="file", refused=refused)
        connection.commit()
        _account(run, result)
        run.detail["files"] = [str(path) for path in paths]
    return result


def take_up_inbox(as_of: datetime, settings: Settings | None = None) -> Intake:
    """Check what waits in `feedback.inbox`; what cannot be used waits on, with its reason, and is tried again.

    The caller holds the pipeline lock.
    """
    with (
        ledger.step(INBOX_STEP, as_of=as_of, settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone feedback") as connection,
    ):
        rows = connection.execute(
            "select inbox_id, kind, record from feedback.inbox where taken_up_run_id is null order by inbox_id for update"
        ).fetchall()
        stated: list[Stated] = []
        refused: list[Unusable] = []
        for inbox_id, name, record in rows:
            kind = KINDS.get(name)
            if kind is None:
                fault = UnusableRecord("unknown_kind", f"there is no kind of feedback {name!r}", near(name, KINDS))
                refused.append(Unusable("unknown", fault, {}, "inbox", inbox_id))
            else:
                _sort_in(kind, record, {}, as_of, "inbox", inbox_id, stated, refused)
        result = take_up(connection, stated, as_of, run.run_id, arrived_by="table", refused=refused)
        kept = {one.line: one.fault for one in result.unusable}
        connection.execute(
            "update feedback.inbox set taken_up_run_id = %s, reason = null, remedy = null where inbox_id = any(%s)",
            [run.run_id, [row[0] for row in rows if row[0] not in kept]],
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                "update feedback.inbox set reason = %s, remedy = %s where inbox_id = %s",
                [(fault.reason, fault.remedy, inbox_id) for inbox_id, fault in kept.items()],
            )
        connection.commit()
        _account(run, result)
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
    """Resolve, store and quarantine, in the caller's transaction.

    Rows of one key follow each other in the inbox, where each is read once; in files, which may be read again, they contradict
    each other.
    """
    result = Intake(unusable=list(refused))
    result.rows_in = len(stated) + len(result.unusable)
    finder = Finder(connection, [_place(one) for one in stated if one.kind.about])
    waves: list[list[dict[str, Any]]] = []
    times: dict[str, int] = {}
    first: dict[str, int] = {}
    taken: list[Stated] = []
    for one in stated:
        try:
            keys = finder.find(_place(one)) if one.kind.about else (None, None)
            row = _stored(one, *keys)
            key = row["record_key"]
            if arrived_by == "file" and key in first:
                raise UnusableRecord(
                    "repeated",
                    f"two rows have the same {', '.join(one.kind.key)} (row {first[key]} too)",
                    "Keep one of the rows.",
                )
        except UnusableRecord as fault:
            result.unusable.append(Unusable(one.kind.name, fault, one.record, one.place, one.line))
            continue
        first.setdefault(key, one.line)
        wave = times[key] = times.get(key, 0) + 1
        if wave > len(waves):
            waves.append([])
        waves[wave - 1].append(row | {"arrived_by": arrived_by, "taken_up_as_of": as_of, "run_id": run_id})
        taken.append(one)
    for rows in waves:
        _store(connection, rows, result)
    _resolve(connection, taken)
    ledger.quarantine(connection, _quarantine_rows(result.unusable, as_of, run_id, arrived_by))
    return result


def _sort_in(
    kind: Kind,
    record: Any,
    defaults: dict[str, Any],
    as_of: datetime,
    place: str,
    line: int,
    stated: list[Stated],
    refused: list[Unusable],
) -> None:
    known: dict[str, Any] = {}
    try:
        if isinstance(record, UnusableReview):
            raise UnusableRecord("not_a_record", record.reason, record.remedy)
        if not isinstance(record, dict):
            raise UnusableRecord("not_a_record", "the row is no JSON object", "Write one object per row.")
        # what a row holds besides the columns of its kind may be anything, and is not kept
        known = {name: record[name] for name in kind.names if name in record}
        stated.append(Stated(kind, parse(kind, defaults | record, as_of), known, place, line))
    except UnusableRecord as fault:
        refused.append(Unusable(kind.name, fault, known, place, line))


def _place(one: Stated) -> Place:
    row = one.row
    return Place(row["interaction_id"], row["message_id"], row["source"], row["instance"])


def _stored(one: Stated, interaction_key: str | None, message_key: str | None) -> dict[str, Any]:
    """Columns of `feedback.records`."""
    found = {"interaction_id": interaction_key, "message_id": message_key} if one.kind.about else {}
    said = {name: value for name, value in one.row.items() if name not in ("source", "instance", *found)}
    for column in one.kind.columns:
        if column.type == "text" and said.get(column.name) is not None:
            said[column.name] = redact(said[column.name])[0]
    record = orjson.loads(
        orjson.dumps({name: value for name, value in said.items() if value is not None}, option=orjson.OPT_SORT_KEYS)
    )
    return {
        "kind": one.kind.name,
        "record_key": _digest([one.kind.name, *(found.get(name, one.row[name]) for name in one.kind.key)]),
        "interaction_key": interaction_key,
        "message_key": message_key,
        "record": record,
        "file": None if one.place == "inbox" else one.place,
    }


def _digest(values: Any) -> str:
    return hashlib.md5(orjson.dumps(values, default=str), usedforsecurity=False).hexdigest()


def _store(connection: psycopg.Connection, rows: list[dict[str, Any]], result: Intake) -> None:
    present = dict(
        connection.execute(
            "select record_key, record from feedback.records where superseded_by is null and record_key = any(%s)",
            [[row["record_key"] for row in rows]],
        ).fetchall()
    )
    fresh = [row for row in rows if present.get(row["record_key"]) != row["record"]]
    corrected = sum(row["record_key"] in present for row in fresh)
    result.corrected += corrected
    result.new += len(fresh) - corrected
    result.unchanged += len(rows) - len(fresh)
    numbers = connection.execute(
        "select nextval(pg_get_serial_sequence('feedback.records', 'record_id')) from generate_series(1, %s)",
        [len(fresh)],
    ).fetchall()
    for row, (number,) in zip(fresh, numbers, strict=True):
        row["record_id"] = number
    connection.execute(
        """
        update feedback.records as held set superseded_by = stated.record_id
        from unnest(%s::text[], %s::bigint[]) as stated (record_key, record_id)
        where held.record_key = stated.record_key and held.superseded_by is null
        """,
        [[row["record_key"] for row in fresh], [row["record_id"] for row in fresh]],
    )
    copy_new_rows(connection, "feedback", "records", _COLUMNS, ([row[name] for name in _COLUMNS] for row in fresh))


def _record_id(kind: str, record: dict[str, Any]) -> str:
    key = KINDS[kind].key if kind in KINDS else ()
    return "|".join(str(record.get(name) or "") for name in key)[:1000]


def _quarantine_rows(
    unusable: list[Unusable], as_of: datetime, run_id: int, arrived_by: str
) -> Iterator[ledger.QuarantineRow]:
    for one in unusable:
        interaction_id = one.record.get("interaction_id")
        yield ledger.QuarantineRow(
            quarantine_id=uuid.UUID(_digest([SOURCE, one.kind, one.place, one.line, one.record])),
            source=SOURCE,
            instance=arrived_by,
            stream=one.kind,
            file=None if one.place == "inbox" else one.place,
            line=one.line,
            interaction_id=None if interaction_id is None else str(interaction_id)[:256],
            record_id=_record_id(one.kind, one.record),
            reason_code=one.fault.code,
            reason=one.fault.reason,
            remedy=one.fault.remedy,
            payload=orjson.dumps(one.record, default=str).decode().replace("\\u0000", "\\ufffd")[:4000],
            run_id=run_id,
            load_id=None,
            as_of=as_of,
        )


def _resolve(connection: psycopg.Connection, taken: list[Stated]) -> None:
    """What was taken up is no longer open in quarantine: by its key, and by its row of the inbox."""
    connection.execute(
        """
        update ops.quarantine as held set resolved_at = clock_timestamp()
        from unnest(%s::text[], %s::text[], %s::int[]) as taken (stream, record_id, line)
        where held.source = %s and held.resolved_at is null
            and (
                (held.stream = taken.stream and held.record_id = taken.record_id)
                or (held.instance = 'table' and held.line = taken.line)
            )
        """,
        [
            [one.kind.name for one in taken],
            [_record_id(one.kind.name, one.record) for one in taken],
            [one.line if one.place == "inbox" else None for one in taken],
            SOURCE,
        ],
    )


def _account(run: ledger.Run, result: Intake) -> None:
    run.rows_in, run.rows_out, run.rows_quarantined = result.rows_in, result.rows_out, len(result.unusable)
    run.detail |= {"new": result.new, "corrected": result.corrected, "unchanged": result.unchanged}
