"""Publication: what changed in marts_build becomes visible to readers in ONE transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from touchstone.settings import Settings
from touchstone.warehouse.engine import connect
from touchstone.warehouse.reshape import BUILD_SCHEMA, LEDGER_COLUMN, MartTable, finish, is_altered, reshape


@dataclass
class Publication:
    """What one publication changed, by table."""

    ledger_id: int
    upserted: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)


def publish(run_id: int, as_of: datetime, settings: Settings | None = None) -> Publication:
    """Apply every key that changed since the last published ledger id to `marts` and `marts_evidence`.

    Readers see the set before or the set after, never a mixture: all tables change in one transaction. A published table is
    never dropped, so that grants, comments and views on it stay: where the build has other columns, it is altered, and where
    the build was made anew since the last publication, it is compared row by row.

    Args:
        run_id: The ledger's run of this publication.
        as_of: End of the ledger day that is published.

    Raises:
        WarehouseError: A view reads a column that the build no longer has, or has with another type.
        BusyError: A reader holds a table that has to be altered.
    """
    with connect("transformer", settings=settings, application_name="touchstone publish") as connection:
        last = connection.execute("select coalesce(max(ledger_id), 0) from ops.publications").fetchone()[0]
        tables = _tables(connection, last)
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
        # altering shuts readers out until the end of the transaction: those tables come last
        for table in sorted(tables, key=lambda table: is_altered(connection, table)):
            is_new = reshape(connection, table)
            _describe(connection, table)
            if table.is_rebuilt or is_new:
                result.deleted[table.name] = _delete_absent(connection, table)
                result.upserted[table.name] = _upsert(connection, table, 0)
                finish(connection, table)
            else:
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


def _tables(connection: psycopg.Connection, last: int) -> list[MartTable]:
    rows = connection.execute(
        """
        select
            classes.relname,
            (select array_agg(attname::text order by attnum) from pg_attribute
             where attrelid = classes.oid and attnum > 0 and not attisdropped),
            (select array_agg(attributes.attname::text order by position)
             from pg_index cross join unnest(indkey) with ordinality as keys (attnum, position)
             inner join pg_attribute as attributes on attributes.attrelid = indrelid and attributes.attnum = keys.attnum
             where indrelid = classes.oid and indisprimary),
            coalesce(built.run_id > %s, false)
        from pg_class as classes
        inner join pg_namespace as namespaces on namespaces.oid = classes.relnamespace
        left join ops.built_relations as built on built.relation = namespaces.nspname || '.' || classes.relname
        where namespaces.nspname = %s and classes.relkind = 'r'
        order by classes.relname
        """,
        [last, BUILD_SCHEMA],
    )
    return [
        MartTable(name, tuple(column for column in columns if column != LEDGER_COLUMN), tuple(key), is_rebuilt)
        for name, columns, key, is_rebuilt in rows
        if LEDGER_COLUMN in columns
    ]


def _describe(connection: psycopg.Connection, table: MartTable) -> None:
    """Give the published table the descriptions of its build, where they differ."""
    comments = connection.execute(
        """
        with described as (
            select is_build, attname, col_description(attrelid, attnum) as description
            from (values (true, %(build)s::regclass), (false, %(published)s::regclass)) as sides (is_build, relation)
            inner join pg_attribute on attrelid = relation and attnum > 0 and not attisdropped
            union all
            select is_build, null, obj_description(relation, 'pg_class')
            from (values (true, %(build)s::regclass), (false, %(published)s::regclass)) as sides (is_build, relation)
        )
        select built.attname, built.description
        from described as built
        inner join described as shown on built.attname is not distinct from shown.attname and not shown.is_build
        where built.is_build and built.description is distinct from shown.description
        """,
        {"build": table.build_name, "published": table.published_name},
    ).fetchall()
    for column, comment in comments:
        target = (
            sql.SQL("column {}.{}").format(table.published, sql.Identifier(column))
            if column
            else sql.SQL("table {}").format(table.published)
        )
        connection.execute(sql.SQL("comment on {} is {}").format(target, sql.Literal(comment)))


def _delete(connection: psycopg.Connection, table: MartTable, last: int) -> int:
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


def _delete_absent(connection: psycopg.Connection, table: MartTable) -> int:
    """Rows that a build which was made anew does not hold: what it took out is noted nowhere."""
    statement = sql.SQL(
        "delete from {published} as published where not exists (select 1 from {build} as built where {same})"
    ).format(
        published=table.published,
        build=table.build,
        same=sql.SQL(" and ").join(
            sql.SQL("built.{0} = published.{0}").format(sql.Identifier(column)) for column in table.key
        ),
    )
    return connection.execute(statement).rowcount


def _upsert(connection: psycopg.Connection, table: MartTable, last: int) -> int:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    values = [column for column in table.columns if column not in table.key]
    action = (
        sql.SQL("update set {} where ({}) is distinct from ({})").format(
            _list(values, "{0} = excluded.{0}"), _list(values, "published.{0}"), _list(values, "excluded.{0}")
        )
        if values
        else sql.SQL("nothing")
    )
    statement = sql.SQL(
        "insert into {published} as published ({columns}) select {columns} from {build} where {ledger} > %s"
        " on conflict ({key}) do {action}"
    ).format(
        published=table.published,
        columns=columns,
        build=table.build,
        ledger=sql.Identifier(LEDGER_COLUMN),
        key=sql.SQL(", ").join(map(sql.Identifier, table.key)),
        action=action,
    )
    return connection.execute(statement, [last]).rowcount


def _list(columns: list[str], form: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL(form).format(sql.Identifier(column)) for column in columns)
