"""Clean data at each gate: relations as dbt builds them, as plain tables, restored before every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql
from quality_data import GATE_TABLES

from touchstone.errors import GateError
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

AS_OF = datetime(2026, 3, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def prepared(warehouse: Settings, request: pytest.FixtureRequest) -> Settings:
    """The warehouse with the clean tables of the gate that the module names, and a copy of them in schema `clean_copy`."""
    tables, statements = GATE_TABLES[request.module.GATE]
    with connect(settings=warehouse) as connection:
        connection.execute("create schema clean_copy")
        connection.execute("grant all on schema clean_copy to touchstone_transformer")
        connection.commit()
    with connect("transformer", settings=warehouse) as connection:
        for statement in statements:
            connection.execute(statement)
        for table in tables:
            connection.execute(
                sql.SQL("create table clean_copy.{} as table {}").format(sql.Identifier(table), _name(table))
            )
        connection.commit()
    return warehouse


@pytest.fixture
def database(prepared: Settings, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """A connection in the transformer's role; the tables are clean when a test starts."""
    tables, _ = GATE_TABLES[request.module.GATE]
    with connect(settings=prepared, autocommit=True) as owner:
        owner.execute(
            "truncate ops.gates, ops.loads, ops.quarantine, ops.runs, ops.watermarks, ops.publications, ops.mart_deletions "
            "restart identity cascade"
        )
        owner.execute("drop schema if exists marts cascade")
        owner.execute("create schema marts")
        owner.execute("grant all on schema marts to touchstone_transformer")
    with connect("transformer", autocommit=True, settings=prepared) as connection:
        for table in tables:
            connection.execute(sql.SQL("truncate {}").format(_name(table)))
            connection.execute(
                sql.SQL("insert into {} select * from clean_copy.{}").format(_name(table), sql.Identifier(table))
            )
        yield connection


@pytest.fixture
def failing(
    database: psycopg.Connection, prepared: Settings, request: pytest.FixtureRequest
) -> Callable[..., tuple[set[str], set[str]]]:
    """Runs the module's gate and tells the blocking claims and the warnings that do not hold, from `ops.gates`."""
    from touchstone.quality.gates import run_gate

    def run(as_of: datetime = AS_OF) -> tuple[set[str], set[str]]:
        try:
            run_gate(request.module.GATE, as_of, prepared)
        except GateError:
            stopped = True
        else:
            stopped = False
        failed = database.execute(
            """
            select severity, claim from ops.gates
            where not is_success and run_id = (select max(run_id) from ops.runs)
            """
        ).fetchall()
        blocking = {claim for severity, claim in failed if severity == "blocking"}
        assert stopped == bool(blocking)
        return blocking, {claim for severity, claim in failed if severity == "warning"}

    return run


def _name(table: str) -> sql.Composed:
    return sql.SQL(".").join(sql.Identifier(part) for part in table.split("."))
