"""The run ledger: what ran, as of when, with which versions, and where every row went."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field, fields
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from touchstone.errors import TouchstoneError
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect
from touchstone.warehouse.landing import Load
from touchstone.warehouse.migrations import require_migrated


@dataclass
class Run:
    """One attempt of one step; the step fills the counts, the ledger writes them when the step ends."""

    run_id: int
    step: str
    as_of: datetime
    rows_in: int = 0
    rows_out: int = 0
    rows_quarantined: int = 0
    versions: dict[str, Any] = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def step(
    name: str,
    *,
    as_of: datetime,
    source: str | None = None,
    instance: str | None = None,
    settings: Settings | None = None,
) -> Iterator[Run]:
    """Record one attempt of a step in `ops.runs`.

    The row is committed when the step starts, so that a killed attempt is visible; the next attempt of the same step
    marks it interrupted.

    Raises:
        TouchstoneError: `as_of` has no zone, or the step ends with rows that are neither out nor quarantined.
        WarehouseError: The warehouse was made by another version.
    """
    if as_of.tzinfo is None:
        raise TouchstoneError(
            "as_of without a zone", as_of.isoformat(), "Give it in UTC, such as 2026-03-31T00:00:00Z."
        )
    with connect(
        "loader", autocommit=True, settings=settings, application_name=f"touchstone ledger {name}"
    ) as connection:
        require_migrated(connection)
        connection.execute(
            """
            update ops.runs set status = 'interrupted', finished_at = clock_timestamp()
            where status = 'running' and step = %s and source is not distinct from %s and instance is not distinct from %s
            """,
            [name, source, instance],
        )
        run_id = connection.execute(
            "insert into ops.runs (step, source, instance, as_of) values (%s, %s, %s, %s) returning run_id",
            [name, source, instance, as_of],
        ).fetchone()[0]
    run = Run(run_id=run_id, step=name, as_of=as_of)
    try:
        yield run
        if run.rows_in != run.rows_out + run.rows_quarantined:
            raise TouchstoneError(
                f"step {name} lost rows",
                f"{run.rows_in} in, {run.rows_out} out, {run.rows_quarantined} quarantined",
                "This is a defect of the step: report it with the run's log.",
            )
    except BaseException as error:
        _finish(run, "failed", str(error) or type(error).__name__, settings)
        raise
    _finish(run, "succeeded", None, settings)


def _finish(run: Run, status: str, error: str | None, settings: Settings | None) -> None:
    with connect("loader", autocommit=True, settings=settings, application_name="touchstone ledger") as connection:
        connection.execute(
            """
            update ops.runs set status = %s, rows_in = %s, rows_out = %s, rows_quarantined = %s, versions = %s,
                detail = %s, error = %s, finished_at = clock_timestamp()
            where run_id = %s
            """,
            [
                status,
                run.rows_in,
                run.rows_out,
                run.rows_quarantined,
                Jsonb(run.versions),
                Jsonb(run.detail),
                error[:4000] if error else None,
                run.run_id,
            ],
        )


@dataclass(frozen=True)
class QuarantineRow:
    """A record that could not be used; one of these columns may be null for each kind of source.

    Attributes:
        quarantine_id: The same for the same bad record in the same place, so that it is one row however often it is read.
        payload: What the record was, as far as it is kept.
    """

    quarantine_id: uuid.UUID
    source: str
    instance: str
    stream: str
    file: str | None
    line: int | None
    interaction_id: str | None
    record_id: str | None
    reason_code: str
    reason: str
    remedy: str
    payload: str | None
    run_id: int
    load_id: int | None
    as_of: datetime


def quarantine(connection: psycopg.Connection, rows: Iterable[QuarantineRow]) -> None:
    """Keep records that could not be used, in the transaction that lands the others; a known one is open again."""
    columns = [column.name for column in fields(QuarantineRow)]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into ops.quarantine ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))})"  # noqa: S608
            " on conflict (quarantine_id) do update"
            " set run_id = excluded.run_id, load_id = excluded.load_id, resolved_at = null",
            [astuple(row) for row in rows],
        )


def write_load(
    connection: psycopg.Connection,
    load: Load,
    *,
    run_id: int,
    source: str,
    batch: str,
    as_of: datetime,
    rows_in: int,
    inserted: int,
    updated: int,
    unchanged: int,
    quarantined: int,
    newest_message_at: datetime | str | None,
) -> None:
    """Write the row of a batch, in the batch's own transaction."""
    connection.execute(
        """
        insert into ops.loads (load_id, run_id, source, instance, batch, as_of, rows_in, rows_inserted,
            rows_updated, rows_unchanged, rows_quarantined, newest_message_at, landed_at)
        overriding system value
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            load.load_id,
            run_id,
            source,
            load.instance,
            batch,
            as_of,
            rows_in,
            inserted,
            updated,
            unchanged,
            quarantined,
            newest_message_at,
            load.loaded_at,
        ],
    )


def write_cursor(connection: psycopg.Connection, load: Load, source: str, stream: str, state: dict[str, Any]) -> None:
    """Where a stream stands after a batch, in the batch's own transaction."""
    connection.execute(
        """
        insert into ops.cursors (source, instance, stream, state, load_id) values (%s, %s, %s, %s, %s)
        on conflict (source, instance, stream) do update
        set state = excluded.state, load_id = excluded.load_id, updated_at = clock_timestamp()
        """,
        [source, load.instance, stream, Jsonb(state), load.load_id],
    )
