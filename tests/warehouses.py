"""Warehouses of their own for tests, and dbt's cache of the parsed project for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from touchstone.settings import Settings, get_settings
from touchstone.warehouse.bootstrap import bootstrap

OPEN = "warehouse"
_is_open = False


@contextmanager
def new_warehouse(server, name: str, state: Path, template: str = "template1") -> Iterator[Settings]:
    """A database of its own, empty or a copy; `get_settings()` names it until the end, and it is called `name` from then on.

    While it is open it has a name that all share, one after the other: dbt's cache of the parsed project is tied to the
    name, and a parse costs more than most tests. One that is opened within another has its own name, and a cache of its own.
    """
    global _is_open
    is_inner = _is_open
    called = name if is_inner else OPEN
    _run(server, "create database {} template {}", called, template)
    if not is_inner:
        _share_cache(server, state)
    _is_open = True
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TOUCHSTONE_WAREHOUSE_URL", server.url(called))
            patch.setenv("TOUCHSTONE_HOME", str(state))
            get_settings.cache_clear()
            settings = get_settings()
            bootstrap(settings)
            yield settings
    finally:
        get_settings.cache_clear()
        _is_open = is_inner
        if not is_inner:
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [OPEN])
            _run(server, "alter database {} rename to {}", OPEN, name)


def _run(server, statement: str, *names: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _share_cache(server, state: Path) -> None:
    shared = server.settings.state_dir / "dbt-target"
    shared.mkdir(parents=True, exist_ok=True)
    target = state / "dbt" / "target"
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.symlink_to(shared, target_is_directory=True)
