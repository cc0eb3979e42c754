"""The step `revenue` of the daily cycle, before the marts: what support quality goes with in money, in one transaction.

It reads the complete months of accounts, and works everything out again when one of them has changed, or what stands beside them; most
days change none. A run that
is killed leaves nothing; the next one finds the same work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from touchstone.errors import WarehouseError
from touchstone.settings import Settings, get_settings
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect

if TYPE_CHECKING:
    from touchstone.revenue.months import Months

STEP = "revenue"
VERSION = "2"
"""Of the statistics: another one makes the next run work everything out again."""
SEED = 7
TABLES = (
    "quality_correlations",
    "quality_threshold_effects",
    "onboarding_cohorts",
    "adjusted_effects",
    "leading_indicators",
    "criterion_effects",
)
Row = tuple[Any, ...]


@dataclass(frozen=True)
class RevenueStep:
    """What a run did: months that were read anew, and rows that it wrote; none where no month has changed."""

    months: int
    rows: int


def revenue(as_of: datetime, settings: Settings | None = None) -> RevenueStep:
    """One transaction; the caller holds the pipeline lock.

    Args:
        as_of: End of the ledger day, UTC.

    Raises:
        WarehouseError: There are no months of accounts to read.
    """
    with (
        ledger.step(STEP, as_of=as_of, settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone revenue") as connection,
    ):
        if not _has(connection, "marts_build.fct_account_months"):
            raise WarehouseError(
                "the months of accounts have not been built",
                "marts_build.fct_account_months",
                "Run `touchstone revenue` after `touchstone facts`: it builds them first; or the model fct_account_months with dbt.",
            )
        from touchstone.revenue import months

        # what no month shows: which accounts are followed, renewals that were lost, and from how many on a cell is read
        version = f"{VERSION}|{months.beside(connection)}|{_min_n(settings)}"
        run.versions["statistics"] = version
        found = months.digests(connection)
        new, gone = months.changed(connection, found)
        last = _last_run(connection)
        if new or gone or last is None or last.version != version:
            read = months.refresh(connection, found)
            last_month = read.last_month if read else None
            tables = _tables(connection, read, settings) if read else {name: [] for name in TABLES}
        else:
            last_month = max(found, default=None)
            tables = _late_tables(connection, last_month, last.run_id, settings)
        run.rows_in = run.rows_out = sum(_replace(connection, name, rows, last_month) for name, rows in tables.items())
        if tables:
            connection.execute(
                """
                insert into ops.watermarks (step, change_id, run_id, as_of) values (%s, 0, %s, %s)
                on conflict (step) do update
                set run_id = excluded.run_id, as_of = excluded.as_of, updated_at = clock_timestamp()
                """,
                [STEP, run.run_id, as_of],
            )
        connection.commit()
        run.detail |= {"months_read": len(new), "months_gone": len(gone), "tables": sorted(tables)}
        return RevenueStep(len(new), run.rows_out)


@dataclass(frozen=True)
class _LastRun:
    run_id: int
    version: str | None


def _last_run(connection: psycopg.Connection) -> _LastRun | None:
    """The run that last wrote something, and the version of its statistics."""
    row = connection.execute(
        """
        select watermarks.run_id, runs.versions ->> 'statistics' from ops.watermarks
        left join ops.runs on runs.run_id = watermarks.run_id
        where watermarks.step = %s
        """,
        [STEP],
    ).fetchone()
    return _LastRun(*row) if row else None


def _tables(connection: psycopg.Connection, read: Months, settings: Settings | None) -> dict[str, list[Row]]:
    """Rows of every table, without the last month."""
    from threadpoolctl import threadpool_limits

    from touchstone.revenue import tables

    panel, min_n = read.panel, _min_n(settings)
    # of small products one thread does more in a second than several
    with threadpool_limits(1, "blas"):
        return {
            "quality_correlations": tables.correlations(panel, min_n, SEED),
            "quality_threshold_effects": tables.threshold_effects(panel, min_n, SEED),
            "onboarding_cohorts": tables.cohorts(panel, min_n),
            "adjusted_effects": tables.adjusted(panel, min_n),
            "leading_indicators": tables.leading(connection, panel, read.last_month, SEED),
            "criterion_effects": tables.criteria(connection, read.last_month, min_n, SEED),
        }


def _late_tables(
    connection: psycopg.Connection, last_month: date | None, run_id: int, settings: Settings | None
) -> dict[str, list[Row]]:
    """What follows from interactions alone, where some of them have changed although no month of an account has."""
    from touchstone.revenue import criteria, tables

    if last_month is None or not criteria.has_late_news(connection, last_month, run_id):
        return {}
    return {"criterion_effects": tables.criteria(connection, last_month, _min_n(settings), SEED)}


def _min_n(settings: Settings | None) -> int:
    return (settings or get_settings()).parameters["min_cell_n"]


def _has(connection: psycopg.Connection, relation: str) -> bool:
    return connection.execute("select to_regclass(%s) is not null", [relation]).fetchone()[0]


def _replace(connection: psycopg.Connection, table: str, rows: Iterable[Row], last_month: date | None) -> int:
    connection.execute(sql.SQL("delete from derived.{}").format(sql.Identifier(table)))
    count = 0
    with connection.cursor().copy(sql.SQL("copy derived.{} from stdin").format(sql.Identifier(table))) as copy:
        for row in _finite(rows):
            copy.write_row((*row, last_month))
            count += 1
    return count


def _finite(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows in which what is no number is null."""
    for row in rows:
        yield tuple(None if isinstance(value, float) and value != value else value for value in row)
