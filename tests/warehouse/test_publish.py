"""What readers see takes on the shape and the rows of the build in one transaction; what they hold on to stays."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import psycopg
import pytest

from touchstone.errors import BusyError, WarehouseError
from touchstone.warehouse import ledger, reshape
from touchstone.warehouse.engine import connect
from touchstone.warehouse.publish import publish

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
_numbers = itertools.count(1)


@pytest.fixture
def mart(warehouse):
    """Name of a table of marts_build that nothing else uses; `mart.build` makes it anew, `mart.show` publishes it."""

    class Mart:
        name = f"t{next(_numbers)}"

        def build(self, columns: str, *rows: str, then: str = "") -> None:
            with ledger.step("marts", as_of=AS_OF, settings=warehouse) as run:
                self.execute(
                    f"""
                    drop table if exists marts_build.{self.name};
                    create table marts_build.{self.name} ({columns}, _ledger_id bigint not null);
                    comment on column marts_build.{self.name}.id is 'the key';
                    insert into ops.built_relations (relation, definition, run_id)
                    values ('marts_build.{self.name}', 'd', {run.run_id})
                    on conflict (relation) do update set run_id = excluded.run_id;
                    """
                )
                for row in rows:
                    self.execute(f"insert into marts_build.{self.name} values ({row}, {run.run_id})")
                self.execute(then.format(name=self.name) or "select 1")

        def show(self) -> tuple[int, int]:
            with ledger.step("publish", as_of=AS_OF, settings=warehouse) as run:
                result = publish(run.run_id, AS_OF, warehouse)
            return result.upserted[self.name], result.deleted[self.name]

        def execute(self, statement: str, role: str | None = "transformer") -> list:
            with connect(role, settings=warehouse, autocommit=True) as connection:
                cursor = connection.execute(statement)
                return cursor.fetchall() if cursor.description else []

        def rows(self, columns: str = "*", role: str | None = "bi") -> list:
            return self.execute(f"select {columns} from marts.{self.name} order by 1", role)

    found = Mart()
    yield found
    with connect(settings=warehouse) as connection:
        connection.execute(f"drop table if exists marts_build.{found.name}, marts.{found.name} cascade")
        connection.execute("drop schema if exists analytics cascade")


def test_a_build_made_anew_leaves_equal_rows_alone_and_takes_absent_ones_away(mart):
    mart.build("id int primary key, n int", "1, 10", "2, 20", "3, 30")
    assert mart.show() == (3, 0)
    before = mart.rows("id, ctid")
    mart.build("id int primary key, n int", "1, 10", "2, 21", "4, 40")
    assert mart.show() == (2, 1)
    assert mart.rows() == [(1, 10), (2, 21), (4, 40)]
    assert mart.rows("id, ctid")[0] == before[0]
    assert mart.show() == (0, 0)


def test_new_removed_and_retyped_columns_come_with_their_rows(mart):
    mart.build("id int primary key, n int not null, gone text, kept text", "1, 10, 'x', 'a'", "2, 20, 'y', 'b'")
    mart.show()
    mart.execute(f"grant select (id) on marts.{mart.name} to touchstone_loader")
    mart.build(
        "id int primary key, n numeric(5, 1) not null, fresh text not null, kept text, maybe int",
        "1, 10.5, 'f', 'a', 7",
        "2, 20, 'g', 'b', null",
        then="create unique index on marts_build.{name} (fresh); create index on marts_build.{name} (_ledger_id)",
    )
    assert mart.show() == (2, 0)
    assert [(row[0], float(row[1]), *row[2:]) for row in mart.rows("id, n, fresh, kept, maybe")] == [
        (1, 10.5, "f", "a", 7),
        (2, 20.0, "g", "b", None),
    ]
    shape = mart.execute(
        f"""
        select attname::text, format_type(atttypid, atttypmod), attnotnull from pg_attribute
        where attrelid = 'marts.{mart.name}'::regclass and attnum > 0 and not attisdropped order by 1
        """
    )
    assert shape == [
        ("fresh", "text", True),
        ("id", "integer", True),
        ("kept", "text", False),
        ("maybe", "integer", False),
        ("n", "numeric(5,1)", True),
    ]
    indexes = mart.execute(f"select indexdef from pg_indexes where schemaname = 'marts' and tablename = '{mart.name}'")
    assert sum("UNIQUE" in index and "(fresh)" in index for (index,) in indexes) == 1
    # grants and comments of what stayed
    assert mart.execute(f"select has_column_privilege('touchstone_loader', 'marts.{mart.name}', 'id', 'select')") == [
        (True,)
    ]
    assert mart.execute(f"select col_description('marts.{mart.name}'::regclass, 1)") == [("the key",)]
    assert mart.show() == (0, 0)


def test_a_column_that_may_be_null_from_now_on(mart):
    mart.build("id int primary key, n int not null", "1, 10")
    mart.show()
    mart.build("id int primary key, n int", "1, null")
    mart.show()
    assert mart.rows() == [(1, None)]


def test_another_key(mart):
    mart.build("id int primary key, n int", "1, 10", "2, 20")
    mart.show()
    mart.build("id int, part text, n int, primary key (id, part)", "1, 'a', 10", "1, 'b', 11")
    assert mart.show()[0] == 2
    assert mart.rows("id, part, n") == [(1, "a", 10), (1, "b", 11)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        mart.execute(f"insert into marts.{mart.name} (id, part, n) values (1, 'a', 0)")


def test_a_view_on_what_stays_goes_on_and_one_on_what_goes_stops_the_publication(mart):
    mart.build("id int primary key, n int, gone text", "1, 10, 'x'")
    mart.show()
    mart.execute(f"create schema analytics; create view analytics.sums as select sum(n) from marts.{mart.name}", None)
    mart.build("id int primary key, n int", "1, 11")
    mart.show()
    assert mart.execute("select * from analytics.sums", None) == [(11,)]

    mart.build("id int primary key, n bigint", "1, 12")
    with pytest.raises(WarehouseError, match=r"column n.*analytics\.sums.*make it again"):
        mart.show()
    assert mart.rows() == [(1, 11)]
    mart.execute("drop view analytics.sums", None)
    mart.show()
    assert mart.rows() == [(1, 12)]


def test_readers_with_an_older_snapshot_see_rows_and_one_in_the_way_is_named(mart, warehouse, monkeypatch):
    mart.build("id int primary key, n int", "1, 10")
    mart.show()
    mart.build("id int primary key, n int, fresh int", "1, 10, 5")
    monkeypatch.setattr(reshape, "LOCK_PATIENCE", 0.5)
    monkeypatch.setattr(reshape, "LOCK_TRY", "200ms")
    with connect("bi", settings=warehouse) as reader:
        reader.execute(f"select * from marts.{mart.name}")
        with pytest.raises(BusyError, match=mart.name):
            mart.show()
    with connect("bi", settings=warehouse) as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select 1")
        mart.show()
        assert reader.execute(f"select id, n from marts.{mart.name}").fetchall() == [(1, 10)]
    assert mart.rows("id, n, fresh") == [(1, 10, 5)]


def test_a_published_table_that_was_dropped_by_hand_comes_back_whole(mart):
    mart.build("id int primary key, n int", "1, 10", "2, 20")
    mart.show()
    mart.execute(f"drop table marts.{mart.name}")
    mart.show()
    assert mart.rows() == [(1, 10), (2, 20)]


def test_descriptions_follow_those_of_the_build(mart):
    mart.build("id int primary key, n int", "1, 10")
    mart.execute(f"comment on table marts_build.{mart.name} is 'one row per id'")
    mart.show()
    described = f"""
        select obj_description('marts.{mart.name}'::regclass, 'pg_class'), col_description('marts.{mart.name}'::regclass, 1),
            col_description('marts.{mart.name}'::regclass, 2)
        """
    assert mart.execute(described) == [("one row per id", "the key", None)]
    mart.execute(
        f"""
        comment on table marts_build.{mart.name} is 'one row per person''s id';
        comment on column marts_build.{mart.name}.id is null;
        comment on column marts_build.{mart.name}.n is 'how many'
        """
    )
    assert mart.show() == (0, 0)
    assert mart.execute(described) == [("one row per person's id", None, "how many")]
