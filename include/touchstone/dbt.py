"""dbt as a step of the cycle: one invocation per selector, its connection from the warehouse URL."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from touchstone.errors import TouchstoneError
from touchstone.settings import Settings, get_settings
from touchstone.warehouse.definitions import Definitions
from touchstone.warehouse.engine import warehouse_parameters

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest


@contextlib.contextmanager
def dbt_environment(settings: Settings) -> Iterator[None]:
    """The variables that profiles.yml reads, for the time of one call."""
    values = {"TOUCHSTONE_DBT_" + name.upper(): value for name, value in warehouse_parameters(settings).items()} | {
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        # every statement in the log would cost more than preparing it; DBT_LOG_LEVEL_FILE=debug brings them back
        "DBT_LOG_LEVEL_FILE": os.environ.get("DBT_LOG_LEVEL_FILE", "info"),
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def parse_project(settings: Settings | None = None) -> Manifest:
    """The project's nodes and macros, from dbt's cache where no file has changed.

    Raises:
        TouchstoneError: A file of the project cannot be parsed.
    """
    settings = settings or get_settings()
    with dbt_environment(settings), contextlib.redirect_stdout(io.StringIO()):
        result = invoke_dbt(None, ["parse", *_places(settings), "--no-write-json"])
    if not result.success:
        raise TouchstoneError("dbt parse stopped", str(result.exception), f"See {_log(settings)}.")
    return result.result


def run_dbt(
    command: str,
    *,
    selector: str | None = None,
    as_of: datetime | None = None,
    ledger_id: int = 0,
    tests_changes_only: bool = False,
    arguments: tuple[str, ...] = (),
    project: Manifest | None = None,
    settings: Settings | None = None,
) -> dict[str, int]:
    """Run one dbt command in this process and count its results by status.

    Args:
        as_of: End of the ledger day; with it go the run's variables.
        ledger_id: The run that builds.
        tests_changes_only: Tests of single values read the rows of marts that changed since the last good build, not all.
        project: The parsed project, where the caller has it.

    Raises:
        TouchstoneError: A node failed; the message names each one with dbt's own reason.
    """
    settings = settings or get_settings()
    # Variables that differ from the last call make dbt parse the whole project again. They change no node of it, so the project
    # is parsed without them, from dbt's cache where no file changed, and the call takes that manifest.
    project = project or parse_project(settings)
    call = [command, *_places(settings)]
    call += ["--no-write-json"] if command in ("run", "test", "build", "seed") else []
    if selector:
        call += ["--selector", selector]
    if command == "build":
        # A daily run tests its data, with every test whose tables exist by then; unit tests belong to `make test`.
        call += ["--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"]
    values: dict[str, object] = {"tests_changes_only": tests_changes_only}
    if as_of is not None:
        definitions = Definitions(project, settings.parameters)
        built_as = definitions.by_node | definitions.views
        values |= {"as_of": as_of.isoformat(), "ledger_id": ledger_id, "definitions": built_as}
    call += ["--vars", json.dumps(values)]
    with dbt_environment(settings), contextlib.redirect_stdout(io.StringIO()) as output:
        result = invoke_dbt(project, [*call, *arguments])
    if result.exception is not None:
        raise TouchstoneError(f"dbt {command} stopped", str(result.exception), f"See {_log(settings)}.")
    counts: dict[str, int] = {}
    failed: list[str] = []
    for node in getattr(result.result, "results", None) or []:
        counts[str(node.status)] = counts.get(str(node.status), 0) + 1
        if node.status in ("error", "fail", "runtime error"):
            failed.append(f"{node.node.name}: {' '.join(str(node.message).split())[:400]}")
    if failed or not result.success:
        raise TouchstoneError(
            f"dbt {command} failed in {len(failed)} nodes",
            "; ".join(failed) or output.getvalue()[-800:],
            f"See {_log(settings)}; nothing was published.",
        )
    return counts


def _places(settings: Settings) -> list[str]:
    target = settings.state_dir / "dbt"
    target.mkdir(parents=True, exist_ok=True)
    places = ["--project-dir", str(settings.dbt_dir), "--profiles-dir", str(settings.dbt_dir)]
    return [*places, "--target-path", str(target / "target"), "--log-path", str(target / "logs"), "--quiet"]


def _log(settings: Settings) -> Path:
    return settings.state_dir / "dbt" / "logs" / "dbt.log"


def invoke_dbt(manifest: Manifest | None, call: list[str]) -> dbtRunnerResult:
    """One call of dbt in this process; without a manifest it parses the project."""
    from dbt.cli.main import dbtRunner

    try:
        return dbtRunner(manifest=manifest).invoke(call)
    finally:
        _close_log()


def _close_log() -> None:
    """dbt opens its log file on every call and leaves it open; a process that calls dbt often would run out of files."""
    from dbt_common.events.event_manager_client import cleanup_event_logger, get_event_manager

    for logger in getattr(get_event_manager(), "loggers", []):
        for handler in getattr(getattr(logger, "_python_logger", None), "handlers", []):
            handler.close()
    cleanup_event_logger()
