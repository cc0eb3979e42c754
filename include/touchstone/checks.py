"""What `touchstone check` looks at: each check gives a verdict, and a remedy when it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.settings import get_settings


def _settings() -> str:
    settings = get_settings()
    place = "given by TOUCHSTONE_WAREHOUSE_URL" if settings.warehouse_url else "embedded"
    return f"state in {settings.state_dir}, warehouse {place}"


def _sources() -> str:
    from touchstone.sources.config import load_sources

    return ", ".join(f"{source.source}:{source.instance}" for source in load_sources())


def _warehouse() -> str:
    from touchstone import supervisor
    from touchstone.warehouse.bootstrap import bootstrap
    from touchstone.warehouse.engine import connect

    supervisor.ensure(warehouse=True, airflow=False)
    bootstrap()
    with connect("bi") as connection:
        version = connection.execute("show server_version").fetchone()[0]
        published = connection.execute("select count(*) from pg_tables where schemaname = 'marts'").fetchone()[0]
    return f"PostgreSQL {version}, {published} published tables"


def _dbt_project() -> str:
    from touchstone.dbt import run_dbt

    run_dbt("parse")
    return "parses"


def _rubric() -> str:
    from touchstone.rubric import load_rubric

    rubric = load_rubric()
    return f"version {rubric.version}, {len(rubric.dimensions)} dimensions, {len(rubric.indicators)} indicators"


def _assumptions() -> str:
    from touchstone.finance.assumptions import faults

    found = faults()
    if found:
        raise ConfigurationError("; ".join(map(str, found)), None, "Edit dbt_project/seeds, and check again.")
    return "every row of assumptions.csv and scenarios.csv can be used"


CHECKS: dict[str, Callable[[], str]] = {
    "settings": _settings,
    "sources": _sources,
    "warehouse": _warehouse,
    "dbt project": _dbt_project,
    "rubric": _rubric,
    "assumptions": _assumptions,
}


def run_checks() -> Iterator[tuple[str, str, str | None]]:
    """Yield name, verdict, and the remedy of a check that does not hold."""
    for name, check in CHECKS.items():
        try:
            yield name, check(), None
        except TouchstoneError as error:
            yield name, error.thing, error.remedy or "See the message."


def check_source(name: str) -> Iterator[tuple[str, str, str | None]]:
    """Ask a source instance for what a run needs; yield what was asked, the verdict, and the remedy where it does not hold.

    Raises:
        ConfigurationError: There is no such instance, its credentials are not given, or it is not read over HTTP.
    """
    from touchstone.sources.config import find_source
    from touchstone.sources.http.runner import check
    from touchstone.sources.registry import connector

    source = find_source(name)
    if not source.is_connected:
        place = source.location()
        yield name, f"reads {place}", None if place.exists() else "Nothing is there yet; put files into it."
        return
    for what, error in check(connector(source.source), source):
        if error is None:
            yield what, "works", None
        else:
            yield what, str(error.thing if error.value is None else f"{error.thing}: {error.value}"), error.remedy
