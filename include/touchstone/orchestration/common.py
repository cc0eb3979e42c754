"""What every DAG shares: defaults, tags, pools, assets, and the way of as_of from one DAG to the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

INGEST_POOL = "touchstone_ingest"
PIPELINE_POOL = "touchstone_pipeline"

CORE = Asset("touchstone://core")
SCORES = Asset("touchstone://scores")
MARTS = Asset("touchstone://marts")


class Tag(StrEnum):
    """Tags of the DAGs; a test refuses any other."""

    INGEST = "ingest"  # brings rows in from one source instance
    TRANSFORM = "transform"  # builds what later steps read
    SCORE = "score"  # judges interactions
    PUBLISH = "publish"  # changes what readers see
    REPORT = "report"  # writes a page for people
    MANUAL = "manual"  # started by a person, with a form


def raw_asset(source: str, instance: str) -> Asset:
    """The asset that one source instance updates when new rows have landed."""
    return Asset(f"touchstone://raw/{source}/{instance}")


def dag_defaults(**overrides: Any) -> dict[str, Any]:
    """Arguments of every `@dag`: what a DAG does not name is the same everywhere."""
    return {
        "start_date": datetime(2026, 1, 1, tzinfo=UTC),
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": timedelta(hours=4),
        "default_args": {
            "owner": "data-platform",
            "retries": 2,
            "retry_delay": timedelta(seconds=20),
            "execution_timeout": timedelta(hours=1),
            "pool": PIPELINE_POOL,
        },
    } | overrides


def as_of_of(context: dict[str, Any]) -> datetime:
    """as_of of this run: the newest of the events that started it, else the Param, else the end of its interval's day.

    Raises:
        AirflowFailException: The run was started by hand without an as_of.
    """
    stated = [
        event.extra["as_of"]
        for events in (context.get("triggering_asset_events") or {}).values()
        for event in events
        if event.extra.get("as_of")
    ]
    if stated:
        return max(datetime.fromisoformat(value) for value in stated)
    if context.get("params", {}).get("as_of"):
        return parse_as_of(context["params"]["as_of"])
    end = context.get("data_interval_end")
    if end is None:
        raise AirflowFailException("This run has no as_of: start it with the Param as_of, such as 2026-03-31.")
    return end.replace(hour=0, minute=0, second=0, microsecond=0)


def parse_as_of(value: str) -> datetime:
    """The moment that a date or a time with zone names, as the command line reads it."""
    from touchstone.daily import parse_as_of as parse

    return parse(value)


def run_step(step: str, context: dict[str, Any]) -> None:
    """Run one step of the cycle. What a retry cannot mend fails at once."""
    from touchstone.errors import ConfigurationError, GateError
    from touchstone.pipeline import STEPS

    try:
        STEPS[step](as_of_of(context))
    except (GateError, ConfigurationError) as error:
        raise AirflowFailException(str(error)) from error


def run_stage(context: dict[str, Any]) -> None:
    """Begin the cycle, unless one that began for another source has taken all that landed: then the run is skipped."""
    from touchstone.pipeline import is_taken_up

    if is_taken_up(as_of_of(context)):
        raise AirflowSkipException("A cycle has taken up everything that has landed.")
    run_step("stage", context)


def write_report(name: str) -> str:
    """Write one report of what is published; its path. What a retry cannot mend fails at once."""
    from touchstone.errors import ConfigurationError
    from touchstone.reports.written import REPORTS

    try:
        return str(REPORTS[name](None))
    except ConfigurationError as error:
        raise AirflowFailException(str(error)) from error


def announce(context: dict[str, Any], asset: Asset, as_of: datetime) -> None:
    """Hand as_of to the DAGs that the asset starts."""
    context["outlet_events"][asset].extra = {"as_of": as_of.isoformat()}
