"""Who used the product in which week: only partitions that changed are read again, and uses belong to whom the customer belongs to now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

import numpy as np
import psycopg
import pytest

from touchstone.revenue.usage import active_customers
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

FIRST, WEEKS = date(2026, 1, 5), 8
JANUARY, FEBRUARY = "core.product_events_january", "core.product_events_february"
ACCOUNTS = ("big", "small")
SHAPES = f"""
    create table core.customers (customer_key text primary key, organization_key text);
    create table core.product_events (customer_key text, occurred_at timestamptz) partition by range (occurred_at);
    create table {JANUARY} partition of core.product_events for values from ('2026-01-01Z') to ('2026-02-01Z');
    create table {FEBRUARY} partition of core.product_events for values from ('2026-02-01Z') to ('2026-03-01Z');
    insert into core.customers values ('ann', 'big'), ('bob', 'big'), ('cat', 'small'), ('nobody', null);
    insert into core.product_events values
        ('ann', '2026-01-06 09:00Z'), ('ann', '2026-01-07 09:00Z'), ('bob', '2026-01-07 10:00Z'), ('nobody', '2026-01-07 10:00Z'),
        -- the week of January 26 ends in February
        ('cat', '2026-01-31 23:59Z'), ('cat', '2026-02-01 00:00Z'), ('ann', '2026-02-10 09:00Z');
    """


@pytest.fixture(scope="module")
def shapes(warehouse: Settings) -> Settings:
    with connect("transformer", settings=warehouse) as connection:
        connection.execute(SHAPES)
    return warehouse


@pytest.fixture
def connection(shapes: Settings) -> Iterator[psycopg.Connection]:
    """What a test does is taken back."""
    with connect("transformer", settings=shapes) as opened:
        assert _uses(opened) == {("big", 0): 2, ("big", 5): 1, ("small", 3): 1}
        yield opened
        opened.rollback()


def _uses(connection: psycopg.Connection) -> Counter[tuple[str, int]]:
    """Customers who used the product, by account and week."""
    hashed = "select hashtextextended(key, 0), key from unnest(%s::text[]) as key order by 1"
    numbers, names = zip(*connection.execute(hashed, [list(ACCOUNTS)]).fetchall(), strict=True)
    accounts, weeks = active_customers(connection, np.array(numbers, dtype=np.int64), FIRST, WEEKS)
    return Counter((names[account], int(week)) for account, week in zip(accounts, weeks, strict=True))


def _read(connection: psycopg.Connection) -> dict[str, str]:
    """Where the rows of what is kept are: another place says that a partition was read again."""
    return dict(connection.execute("select relation, ctid::text from derived.revenue_usage").fetchall())


def test_a_late_event_counts_in_its_week_and_only_its_partition_is_read_again(connection: psycopg.Connection) -> None:
    before = _read(connection)
    connection.execute(
        "insert into core.product_events values ('cat', '2026-01-08 09:00Z'), ('ann', '2026-01-09 09:00Z')"
    )
    assert _uses(connection) == {("big", 0): 2, ("small", 0): 1, ("big", 5): 1, ("small", 3): 1}
    after = _read(connection)
    assert before.keys() == after.keys() == {JANUARY, FEBRUARY}
    assert {relation for relation in after if before[relation] != after[relation]} == {JANUARY}


def test_a_customer_who_belongs_elsewhere_takes_all_weeks_along_without_an_event(
    connection: psycopg.Connection,
) -> None:
    before = _read(connection)
    connection.execute("update core.customers set organization_key = 'small' where customer_key = 'ann'")
    assert _uses(connection) == {("big", 0): 1, ("small", 0): 1, ("small", 5): 1, ("small", 3): 1}
    assert _read(connection) == before


def test_what_is_no_longer_stated_counts_no_more(connection: psycopg.Connection) -> None:
    connection.execute("delete from core.product_events where customer_key = 'bob'")
    connection.execute(f"drop table {FEBRUARY}")
    assert _uses(connection) == {("big", 0): 1, ("small", 3): 1}
    assert _read(connection).keys() == {JANUARY}
