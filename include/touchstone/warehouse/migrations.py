"""Ordered changes of tables that `create table if not exists` leaves as they are: each is applied once.

The scripts of `sql/` state the present shape, and make it where nothing is; a new warehouse needs no migration. A change of a
table that exists already is stated twice: in its script, and as a file `sql/migrations/NNN_<what>.sql`, which brings the table
of the version before to the same shape and keeps its rows. Migrations run before the scripts, as the owner, in the one
transaction of the bootstrap; tables that they do not yet find are left to the scripts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import psycopg

from touchstone.errors import BusyError, WarehouseError
from touchstone.warehouse.locks import PIPELINE_LOCK


@dataclass(frozen=True)
class Migration:
    """One step: its file's name without the suffix, and its statements."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@lru_cache(maxsize=1)
def migrations() -> tuple[Migration, ...]:
    """Every step that this version knows, in order."""
    folder = resources.files("touchstone.warehouse").joinpath("sql", "migrations")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Migration(file.name.removesuffix(".sql"), file.read_text()) for file in files)


def migrate(connection: psycopg.Connection, steps: tuple[Migration, ...] | None = None) -> list[str]:
    """Apply what the warehouse lacks, in the caller's transaction; a new warehouse is noted as having all of it.

    Returns:
        Names of the steps that were applied.

    Raises:
        WarehouseError: A step was applied in another wording, or one that this version does not know.
        BusyError: Steps are to be applied while a cycle is under way.
    """
    steps = migrations() if steps is None else steps
    is_new = connection.execute("select to_regclass('ops.runs') is null").fetchone()[0]
    connection.execute("create schema if not exists ops")
    connection.execute(
        """
        create table if not exists ops.migrations (
            name text primary key,
            digest text not null,
            applied_at timestamptz not null default clock_timestamp()
        )
        """
    )
    missing = _missing(connection, steps)
    if (
        missing
        and not is_new
        and not connection.execute("select pg_try_advisory_xact_lock(%s)", [PIPELINE_LOCK]).fetchone()[0]
    ):
        raise BusyError(
            "the warehouse is to be brought to a new version while a cycle is under way",
            ", ".join(step.name for step in missing),
            "Wait for it to finish; `touchstone status` shows what runs.",
        )
    for step in missing:
        if not is_new:
            connection.execute(step.text)
        connection.execute("insert into ops.migrations (name, digest) values (%s, %s)", [step.name, step.digest])
    return [] if is_new else [step.name for step in missing]


def require_migrated(connection: psycopg.Connection) -> None:
    """Refuse to work on a warehouse of another version.

    Raises:
        WarehouseError: It lacks a step, has one in another wording, or one that this version does not know.
    """
    remedy = "Run `touchstone bootstrap`."
    try:
        missing = _missing(connection, migrations())
    except psycopg.errors.UndefinedTable:
        raise WarehouseError(
            "the warehouse was made by an earlier version", "ops.migrations is missing", remedy
        ) from None
    if missing:
        raise WarehouseError("the warehouse was made by an earlier version", f"{missing[0].name} is missing", remedy)


def _missing(connection: psycopg.Connection, steps: tuple[Migration, ...]) -> list[Migration]:
    applied = dict(connection.execute("select name, digest from ops.migrations").fetchall())
    unknown = sorted(set(applied) - {step.name for step in steps})
    if unknown:
        raise WarehouseError(
            "the warehouse was brought to a later version", ", ".join(unknown), "Run that version or a newer one."
        )
    changed = [step.name for step in steps if applied.get(step.name, step.digest) != step.digest]
    if changed:
        raise WarehouseError(
            "a migration was applied in another wording",
            ", ".join(changed),
            "Take the file back to what was applied, and state the change in a new one.",
        )
    return [step for step in steps if step.name not in applied]
