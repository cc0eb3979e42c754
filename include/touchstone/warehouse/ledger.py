"""The run ledger: what ran, as of when, with which versions, and where every row went."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from touchstone.errors import TouchstoneError
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect


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
    """
    if as_of.tzinfo is None:
        raise TouchstoneError(
            "as_of without a zone", as_of.isoformat(), "Give it in UTC, such as 2026-03-31T00:00:00Z."
        )
    with connect(
        "loader", autocommit=True, settings=settings, application_name=f"touchstone ledger {name}"
    ) as connection:
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
