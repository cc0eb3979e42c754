"""A published table takes on the shape of its build, in place: what readers hold on to is its name, grants and views.

Nothing here rewrites a table, so a reader with an older snapshot goes on seeing its rows: a column of another type is dropped and
added, and the rows are written again by the publication.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg
from psycopg import sql

from touchstone.errors import BusyError, WarehouseError

BUILD_SCHEMA = "marts_build"
EVIDENCE_RELATIONS = frozenset({"fct_evidence_quotes", "fct_gap_question_quotes", "fct_sample_transcripts"})
LEDGER_COLUMN = "_ledger_id"

LOCK_TRY = "2s"
LOCK_PATIENCE = 300.0
"""Seconds to wait for readers of a table that has to be altered; longer than the statement timeout of `touchstone_bi`."""

_COLUMNS = """
    select attname::text, format_type(atttypid, atttypmod), attnotnull
    from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum
    """
_KEY = """
    select constraints.conname::text, array_agg(attributes.attname::text order by position)
    from pg_constraint as constraints
    cross join unnest(constraints.conkey) with ordinality as keys (attnum, position)
    inner join pg_attribute as attributes
        on attributes.attrelid = constraints.conrelid and attributes.attnum = keys.attnum
    where constraints.conrelid = %s::regclass and constraints.contype = 'p'
    group by constraints.conname
    """
# What follows the names of index and table.
_INDEXES = """
    select substring(pg_get_indexdef(indexrelid) from ' USING .*'), indisunique
    from pg_index where indrelid = %s::regclass and not indisprimary
    """


@dataclass(frozen=True)
class MartTable:
    """A table of marts_build and the one that readers see.

    Attributes:
        columns: Columns that readers see, in the order of the build.
        key: Columns of the primary key.
        is_rebuilt: Whether the build was made anew since the last publication.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    is_rebuilt: bool = False

    @property
    def build(self) -> sql.Identifier:
        return sql.Identifier(BUILD_SCHEMA, self.name)

    @property
    def published(self) -> sql.Identifier:
        return sql.Identifier(self.published_schema, self.name)

    @property
    def published_schema(self) -> str:
        return "marts_evidence" if self.name in EVIDENCE_RELATIONS else "marts"

    @property
    def build_name(self) -> str:
        return f'{BUILD_SCHEMA}."{self.name}"'

    @property
    def published_name(self) -> str:
        return f'{self.published_schema}."{self.name}"'


@dataclass(frozen=True)
class _Difference:
    """What to do to the published table before its rows are written."""

    dropped: tuple[str, ...]
    added: tuple[tuple[str, str], ...]
    nullable: tuple[str, ...]
    has_other_key: bool
    key_constraint: str | None


def is_altered(connection: psycopg.Connection, table: MartTable) -> bool:
    """Whether `reshape` would alter a table that readers see; only a build that was made anew can differ."""
    return table.is_rebuilt and _exists(connection, table) and _difference(connection, table) is not None


def reshape(connection: psycopg.Connection, table: MartTable) -> bool:
    """Create the published table, or bring its columns and its key to those of a build that was made anew.

    Returns:
        Whether the table was created.

    Raises:
        WarehouseError: A view reads a column that goes.
        BusyError: A reader holds the table.
    """
    if not _exists(connection, table):
        connection.execute(sql.SQL("create table {} (like {} including all)").format(table.published, table.build))
        connection.execute(
            sql.SQL("alter table {} drop column {}").format(table.published, sql.Identifier(LEDGER_COLUMN))
        )
        return True
    difference = _difference(connection, table) if table.is_rebuilt else None
    if difference is None:
        return False
    _shut_readers_out(connection, table)
    if difference.has_other_key:
        # rows of the old key have nothing to be matched by; the publication writes all of them anew
        connection.execute(sql.SQL("delete from {}").format(table.published))
        if difference.key_constraint:
            _drop(connection, table, "constraint", difference.key_constraint)
    for column in difference.dropped:
        _drop(connection, table, "column", column)
    alter = sql.SQL("alter table {} ").format(table.published)
    for column, data_type in difference.added:
        connection.execute(alter + sql.SQL("add column {} {}").format(sql.Identifier(column), sql.SQL(data_type)))
    for column in difference.nullable:
        connection.execute(alter + sql.SQL("alter column {} drop not null").format(sql.Identifier(column)))
    if difference.has_other_key:
        key = sql.SQL(", ").join(map(sql.Identifier, table.key))
        connection.execute(alter + sql.SQL("add primary key ({})").format(key))
    return False


def _drop(connection: psycopg.Connection, table: MartTable, kind: str, name: str) -> None:
    try:
        connection.execute(
            sql.SQL("alter table {} drop {} {} restrict").format(table.published, sql.SQL(kind), sql.Identifier(name))
        )
    except psycopg.errors.DependentObjectsStillExist as error:
        raise WarehouseError(
            f"{table.published_schema}.{table.name} changes its {kind} {name}, which is still read",
            " ".join((error.diag.message_detail or "").split()),
            "Drop what reads it, publish, and make it again on the new shape.",
        ) from None


def finish(connection: psycopg.Connection, table: MartTable) -> None:
    """What the rows must be there for: columns that are never null, and indexes that the build has."""
    published = {name: not_null for name, _, not_null in connection.execute(_COLUMNS, [table.published_name])}
    required = [
        name
        for name, _, not_null in connection.execute(_COLUMNS, [table.build_name])
        if not_null and name in published and not published[name]
    ]
    if required:
        actions = sql.SQL(", ").join(
            sql.SQL("alter column {} set not null").format(sql.Identifier(name)) for name in required
        )
        connection.execute(sql.SQL("alter table {} ").format(table.published) + actions)
    present = set(connection.execute(_INDEXES, [table.published_name]).fetchall())
    for definition, is_unique in connection.execute(_INDEXES, [table.build_name]).fetchall():
        if (definition, is_unique) not in present and LEDGER_COLUMN not in definition:
            unique = sql.SQL("unique " if is_unique else "")
            connection.execute(sql.SQL("create {}index on {}").format(unique, table.published) + sql.SQL(definition))


def _exists(connection: psycopg.Connection, table: MartTable) -> bool:
    return connection.execute("select to_regclass(%s) is not null", [table.published_name]).fetchone()[0]


def _difference(connection: psycopg.Connection, table: MartTable) -> _Difference | None:
    build = {name: (kind, not_null) for name, kind, not_null in connection.execute(_COLUMNS, [table.build_name])}
    del build[LEDGER_COLUMN]
    published = {
        name: (kind, not_null) for name, kind, not_null in connection.execute(_COLUMNS, [table.published_name])
    }
    held = connection.execute(_KEY, [table.published_name]).fetchone()
    retyped = [name for name in build if name in published and published[name][0] != build[name][0]]
    has_other_key = held is None or tuple(held[1]) != table.key or bool(set(retyped) & set(table.key))
    difference = _Difference(
        dropped=tuple([name for name in published if name not in build] + retyped),
        added=tuple((name, build[name][0]) for name in build if name not in published or name in retyped),
        nullable=tuple(
            name
            for name in build
            if name in published and name not in retyped and published[name][1] and not build[name][1]
        ),
        has_other_key=has_other_key,
        key_constraint=held[0] if held else None,
    )
    return difference if any((difference.dropped, difference.added, difference.nullable, has_other_key)) else None


def _shut_readers_out(connection: psycopg.Connection, table: MartTable) -> None:
    """Take the lock that altering needs in short tries: whoever waits for it holds up all who come after."""
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            with connection.transaction():
                connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TRY)))
                connection.execute(sql.SQL("lock table {} in access exclusive mode").format(table.published))
                connection.execute("set local lock_timeout = 0")
            return
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > deadline:
                raise BusyError(
                    "a reader holds a table that has to be altered",
                    f"{table.published_schema}.{table.name}",
                    "End its transaction (pg_stat_activity names it), then publish again.",
                ) from None
            time.sleep(0.5)
