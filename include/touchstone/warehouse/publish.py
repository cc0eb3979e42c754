"""Publication: what changed in marts_build becomes visible to readers in ONE transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from touchstone.errors import WarehouseError
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

BUILD_SCHEMA = "marts_build"
EVIDENCE_RELATIONS = frozenset({"fct_evidence_quotes"})
LEDGER_COLUMN = "_ledger_id"


@dataclass
class Publication:
    """What one publication changed, by table."""

    ledger_id: int
    upserted: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def build(self) -> sql.Identifier:
        return sql.Identifier(BUILD_SCHEMA, self.name)

    @property
    def published(self) -> sql.Identifier:
        return sql.Identifier("marts_evidence" if self.name in EVIDENCE_RELATIONS else "marts", self.name)


def publish(run_id: int, as_of: datetime, settings: Settings | None = None) -> Publication:
    """Apply every key that changed since the last published ledger id to `marts` and `marts_evidence`.

    Readers see the set before or the set after, never a mixture: all tables change in one transaction. A published table
    is never dropped; a new column is added, a removed one is refused.

    Args:
        run_id: The ledger's run of this publication.
        as_of: End of the ledger day that is published.

    Raises:
        WarehouseError: A published table has a column that the build no longer has.
    """
    with connect("transformer", settings=settings, application_name="touchstone publish") as connection:
        last = connection.execute("select coalesce(max(ledger_id), 0) from ops.publications").fetchone()[0]
        tables = _tables(connection)
        newest = last
        for table in tables:
            newest = max(
                newest,
                connection.execute(
                    sql.SQL("select coalesce(max({}), 0) from {}").format(sql.Identifier(LEDGER_COLUMN), table.build)
                ).fetchone()[0],
            )
        newest = max(
            newest,
            connection.execute("select coalesce(max(ledger_id), 0) from ops.mart_deletions").fetchone()[0],
        )
        result = Publication(ledger_id=newest)
        for table in tables:
            _prepare(connection, table)
            result.deleted[table.name] = _delete(connection, table, last)
            result.upserted[table.name] = _upsert(connection, table, last)
        connection.execute("delete from ops.mart_deletions where ledger_id <= %s", [newest])
        connection.execute(
            """
            insert into ops.publications (run_id, as_of, ledger_id, rows_upserted, rows_deleted, tables)
            values (%s, %s, %s, %s, %s, %s)
            """,
            [
                run_id,
                as_of,
                newest,
                sum(result.upserted.values()),
                sum(result.deleted.values()),
                Jsonb({t.name: [result.upserted[t.name], result.deleted[t.name]] for t in tables}),
            ],
        )
    return result


def _tables(connection: psycopg.Connection) -> list[_Table]:
    rows = connection.execute(
        """
        select
            classes.relname,
            (select array_agg(attname::text order by attnum) from pg_attribute
             where attrelid = classes.oid and attnum > 0 and not attisdropped),
            (select array_agg(attributes.attname::text order by position)
             from pg_index cross join unnest(indkey) with ordinality as keys (attnum, position)
             inner join pg_attribute as attributes on attributes.attrelid = indrelid and attributes.attnum = keys.attnum
             where indrelid = classes.oid and indisprimary)
        from pg_class as classes
        inner join pg_namespace as namespaces on namespaces.oid = classes.relnamespace
        where namespaces.nspname = %s and classes.relkind = 'r'
        order by classes.relname
        """,
        [BUILD_SCHEMA],
    )
    return [
        _Table(name, tuple(column for column in columns if column != LEDGER_COLUMN), tuple(key))
        for name, columns, key in rows
        if LEDGER_COLUMN in columns
    ]


def _prepare(connection: psycopg.Connection, table: _Table) -> None:
    """Create the published table, add what is new in the build, and copy the descriptions."""
    schema, name = table.published._obj
    published = connection.execute(
        "select array_agg(column_name::text) from information_schema.columns where table_schema = %s and table_name = %s",
        [schema, name],
    ).fetchone()[0]
    if published is None:
        connection.execute(sql.SQL("create table {} (like {} including all)").format(table.published, table.build))
        connection.execute(
            sql.SQL("alter table {} drop column {}").format(table.published, sql.Identifier(LEDGER_COLUMN))
        )
    else:
        for column in table.columns:
            if column not in published:
                data_type = connection.execute(
                    "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = %s::regclass and attname = %s",
                    [f'{BUILD_SCHEMA}."{table.name}"', column],
                ).fetchone()[0]
                connection.execute(
                    sql.SQL("alter table {} add column {} {}").format(
                        table.published, sql.Identifier(column), sql.SQL(data_type)
                    )
                )
        removed = sorted(set(published) - set(table.columns))
        if removed:
            raise WarehouseError(
                f"{schema}.{name} has columns that the build no longer has",
                ", ".join(removed),
                "Readers rely on them: keep them in the model, or drop them by hand after their deprecation.",
            )
    comments = connection.execute(
        """
        select attname, col_description(attrelid, attnum) from pg_attribute
        where attrelid = %(build)s::regclass and attnum > 0 and col_description(attrelid, attnum) is not null
        union all
        select null, obj_description(%(build)s::regclass)
        """,
        {"build": f'{BUILD_SCHEMA}."{table.name}"'},
    ).fetchall()
    for column, comment in comments:
        if column == LEDGER_COLUMN or comment is None:
            continue
        target = (
            sql.SQL("column {}.{}").format(table.published, sql.Identifier(column))
            if column
            else sql.SQL("table {}").format(table.published)
        )
        connection.execute(sql.SQL("comment on {} is {}").format(target, sql.Literal(comment)))


def _delete(connection: psycopg.Connection, table: _Table, last: int) -> int:
    join = sql.SQL(" and ").join(
        sql.SQL("{}.{} = gone.{}").format(sql.Identifier("published"), sql.Identifier(column), sql.Identifier(column))
        for column in table.key
    )
    statement = sql.SQL(
        """
        with gone as (
            select distinct keys.* from ops.mart_deletions
            cross join lateral jsonb_populate_record(null::{build}, row_key) as keys
            where relation = {name} and ledger_id > %s
        )
        delete from {published} as published using gone
        where {join} and not exists (select 1 from {build} as built where {same})
        """
    ).format(
        build=table.build,
        name=sql.Literal(table.name),
        published=table.published,
        join=join,
        same=sql.SQL(" and ").join(
            sql.SQL("built.{0} = gone.{0}").format(sql.Identifier(column)) for column in table.key
        ),
    )
    return connection.execute(statement, [last]).rowcount


def _upsert(connection: psycopg.Connection, table: _Table, last: int) -> int:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    values = [column for column in table.columns if column not in table.key]
    action = (
        sql.SQL("update set ")
        + sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in values)
        if values
        else sql.SQL("nothing")
    )
    statement = sql.SQL(
        "insert into {published} ({columns}) select {columns} from {build} where {ledger} > %s on conflict ({key}) do {action}"
    ).format(
        published=table.published,
        columns=columns,
        build=table.build,
        ledger=sql.Identifier(LEDGER_COLUMN),
        key=sql.SQL(", ").join(map(sql.Identifier, table.key)),
        action=action if values else sql.SQL("nothing"),
    )
    return connection.execute(statement, [last]).rowcount
