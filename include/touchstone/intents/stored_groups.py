"""Groups of questions between runs: one row of a table with a document, arrays, and the versions that made them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from touchstone.intents.groups import Groups


def load(connection: psycopg.Connection, table: str) -> tuple[str, dict[str, Any], dict[str, np.ndarray]] | None:
    """Versions, document and arrays that the last run kept in `derived.<table>`; None before the first."""
    row = connection.execute(
        sql.SQL("select versions, document, arrays from derived.{}").format(sql.Identifier(table))
    ).fetchone()
    if row is None:
        return None
    with np.load(io.BytesIO(row[2]), allow_pickle=False) as stored:
        return row[0], row[1], {name: stored[name] for name in stored.files}


def save(
    connection: psycopg.Connection,
    table: str,
    versions: str,
    document: dict[str, Any],
    arrays: dict[str, np.ndarray],
    run_id: int,
) -> None:
    """Keep them in place of what the last run kept."""
    written = io.BytesIO()
    np.savez_compressed(written, **arrays)  # type: ignore[arg-type]
    connection.execute(
        sql.SQL(
            """
            insert into derived.{} (groups_id, versions, document, arrays, run_id) values (1, %s, %s, %s, %s)
            on conflict (groups_id) do update
            set versions = excluded.versions, document = excluded.document, arrays = excluded.arrays, run_id = excluded.run_id
            """
        ).format(sql.Identifier(table)),
        [versions, Jsonb(document), written.getvalue(), run_id],
    )


def arrays_of(groups: Groups) -> dict[str, np.ndarray]:
    """What `groups_of` makes groups of again."""
    return {"centre": groups.centre, "means": groups.means, "floors": groups.floors, "sizes": groups.sizes}


def groups_of(arrays: dict[str, np.ndarray], usual: float | None = None) -> Groups:
    return Groups(arrays["centre"], arrays["means"], arrays["floors"], arrays["sizes"], usual)
