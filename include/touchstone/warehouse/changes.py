"""The change log of interactions: what later steps have to work on again, and the partitions that what they write goes to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import psycopg


def announce(connection: psycopg.Connection, keys: Iterable[str], run_id: int, reason: str = "scored") -> None:
    """Log that interactions have changed, each once, in the order of their keys."""
    connection.execute(
        """
        insert into ops.interaction_changes (interaction_key, reason, run_id)
        select key, %s, %s from unnest(%s::text[]) as key order by key
        """,
        [reason, run_id, sorted(set(keys))],
    )


def ensure_months(connection: psycopg.Connection, table: str, moments: Iterable[datetime]) -> None:
    """Have a partition of `schema.table` for the UTC month of every moment."""
    utc = (moment.astimezone(UTC) for moment in moments)
    for year, month in sorted({(moment.year, moment.month) for moment in utc}):
        connection.execute(
            "select ops.ensure_month_partition(%s::regclass, %s)", [table, datetime(year, month, 2, tzinfo=UTC)]
        )
