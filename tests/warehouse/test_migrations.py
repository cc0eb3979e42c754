"""A warehouse of every earlier version comes to the shape of a new one and keeps its rows; each step is applied once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from touchstone.errors import BusyError, WarehouseError
from touchstone.settings import Settings
from touchstone.warehouse import ledger, migrations
from touchstone.warehouse.bootstrap import bootstrap
from touchstone.warehouse.engine import connect
from touchstone.warehouse.locks import pipeline_lock
from touchstone.warehouse.migrations import Migration

# What each version made of the one before, applied in order.
SHAPES = sorted((Path(__file__).parent / "shapes").glob("*.sql"))
SCHEMAS = ["ops", "raw_files", "raw_zendesk", "raw_hubspot", "raw_mixpanel", "clean", "scores", "feedback"]

CATALOG = """
    select format('%%s.%%s %%s %%s %%s %%s %%s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid))
    from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
    inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p')
    union all
    select format('%%s %%s', conrelid::regclass, pg_get_constraintdef(pg_constraint.oid))
    from pg_constraint inner join pg_namespace as n on n.oid = connamespace where n.nspname = any(%(schemas)s)
    union all
    select pg_get_indexdef(c.oid) from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = any(%(schemas)s) and c.relkind = 'i'
    """


def catalog(settings: Settings) -> set[str]:
    with connect(settings=settings) as connection:
        return {line for (line,) in connection.execute(CATALOG, {"schemas": SCHEMAS})}


@pytest.fixture
def database(server, tmp_path):
    """Makes settings of an empty database by name."""

    def make(name: str) -> Settings:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return Settings(home=tmp_path, warehouse_url=server.url(name), bi_password="not used here")

    return make


@pytest.fixture
def earlier(database, warehouse):
    """Settings of a warehouse in the shape of an earlier version, with a load that its stage took up."""

    def make(last: int) -> Settings:
        settings = database("earlier_shape")
        with connect(settings=settings) as connection:
            for shape in SHAPES[: last + 1]:
                connection.execute(shape.read_text())
            for table in ("clean.messages", "scores.scorer_registry", *(f"scores.{name}" for name in SCORES)):
                connection.execute(sql.SQL("alter table {} owner to touchstone_transformer").format(sql.SQL(table)))
            connection.execute("alter schema scores owner to touchstone_transformer")
            connection.execute("alter schema clean owner to touchstone_transformer")
            connection.execute(
                """
                insert into ops.runs (step, as_of, status) values ('ingest', now(), 'succeeded'), ('stage', now(), 'succeeded');
                insert into ops.loads (run_id, source, instance, batch, as_of, rows_in, rows_inserted, rows_updated, rows_unchanged,
                    rows_quarantined, registered_at) values (1, 'files', 'a', 'b', now(), 1, 1, 0, 0, 0, clock_timestamp());
                insert into raw_files.messages (instance, id, payload, payload_hash, _load_id, _loaded_at)
                values ('a', 'm', '{}', md5('')::uuid, 1, now());
                """
            )
        return settings

    return make


SCORES = (
    "rubric_dimensions",
    "rubric_indicators",
    "message_scores",
    "trajectories",
    "indicator_scores",
    "evidence",
    "dimension_scores",
    "interaction_scores",
)


@pytest.mark.parametrize("last", range(len(SHAPES)), ids=[shape.stem for shape in SHAPES])
def test_an_earlier_version_comes_to_the_shape_of_a_new_warehouse(earlier, warehouse, last):
    settings = earlier(last)
    assert catalog(settings) != catalog(warehouse)
    bootstrap(settings)
    assert catalog(settings) == catalog(warehouse)
    with connect("loader", settings=settings) as connection:
        assert connection.execute("select registered_run_id from ops.loads").fetchall() == [(2,)]
        assert connection.execute("select id from raw_files.messages").fetchall() == [("m",)]
        applied = connection.execute("select name, digest from ops.migrations order by name").fetchall()
    assert applied == [(step.name, step.digest) for step in migrations.migrations()]
    bootstrap(settings)
    assert catalog(settings) == catalog(warehouse)


def test_a_new_warehouse_runs_no_step_and_knows_them_all(database):
    settings = database("new_shape")
    step = Migration("900_never", "this is no SQL")
    with connect(settings=settings) as connection:
        assert migrations.migrate(connection, (step,)) == []
        assert connection.execute("select name from ops.migrations").fetchall() == [("900_never",)]


def test_each_step_is_applied_once_and_in_order(warehouse):
    steps = (
        *migrations.migrations(),
        Migration("900_first", "create table ops.counted (n int)"),
        Migration("901_second", "insert into ops.counted values (1)"),
    )
    with connect(settings=warehouse) as connection:
        assert migrations.migrate(connection, steps) == ["900_first", "901_second"]
        assert migrations.migrate(connection, steps) == []
        assert connection.execute("select count(*) from ops.counted").fetchone() == (1,)
        connection.rollback()


def test_a_step_that_fails_leaves_nothing_behind(warehouse):
    steps = (*migrations.migrations(), Migration("900_half", "create table ops.half (n int); select 1 / 0"))
    with pytest.raises(psycopg.errors.DivisionByZero), connect(settings=warehouse) as connection:
        migrations.migrate(connection, steps)
    with connect(settings=warehouse) as connection:
        assert connection.execute("select to_regclass('ops.half')").fetchone() == (None,)
        assert migrations.migrate(connection) == []


def test_a_step_that_was_applied_in_another_wording_is_refused(warehouse):
    first, *others = migrations.migrations()
    changed = (Migration(first.name, first.text + "\n"), *others)
    with (
        connect(settings=warehouse) as connection,
        pytest.raises(WarehouseError, match=f"another wording.*{first.name}"),
    ):
        migrations.migrate(connection, changed)


def test_a_warehouse_of_a_later_version_is_refused_by_bootstrap_and_by_every_step(warehouse):
    with connect(settings=warehouse, autocommit=True) as connection:
        connection.execute("insert into ops.migrations values ('999_later', 'x')")
        try:
            with pytest.raises(WarehouseError, match=r"later version.*999_later"):
                bootstrap(warehouse)
            with (
                pytest.raises(WarehouseError, match=r"later version.*999_later"),
                ledger.step("stage", as_of=datetime(2026, 4, 1, tzinfo=UTC), settings=warehouse),
            ):
                pass
        finally:
            connection.execute("delete from ops.migrations where name = '999_later'")


@pytest.mark.parametrize("what", ["no table of steps", "a step less"])
def test_a_step_of_the_cycle_on_an_earlier_warehouse_names_the_command(earlier, warehouse, what):
    settings = earlier(0)
    if what == "a step less":
        bootstrap(settings)
        with connect(settings=settings) as connection:
            connection.execute("delete from ops.migrations where name like '002%'")
    else:
        with connect(settings=settings) as connection:
            connection.execute("grant usage on schema ops to touchstone_loader")
    with (
        pytest.raises(WarehouseError, match=r"earlier version.*touchstone bootstrap"),
        ledger.step("stage", as_of=datetime(2026, 4, 1, tzinfo=UTC), settings=settings),
    ):
        pass


def test_tables_do_not_change_under_a_cycle(warehouse):
    steps = (*migrations.migrations(), Migration("900_more", "select 1"))
    with pipeline_lock(warehouse), connect(settings=warehouse) as connection:
        assert migrations.migrate(connection) == []
        with pytest.raises(BusyError, match="900_more"):
            migrations.migrate(connection, steps)
