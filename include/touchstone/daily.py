"""The daily cycle as a person starts it: what to ingest, as of when, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from touchstone.errors import ConfigurationError
from touchstone.settings import Settings, get_settings
from touchstone.warehouse.engine import connect

if TYPE_CHECKING:
    from touchstone.sources.config import SourceInstance
    from touchstone.sources.result import IngestResult

SAMPLE_INSTANCE = "sample"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What one cycle ingests: a configured instance, a path, and as_of (None: the newest accepted message decides)."""

    instance: str
    path: str
    as_of: datetime | None


def parse_as_of(value: str) -> datetime:
    """End of the ledger day: `2026-03-31` is the midnight that ends that day; a time with a zone is taken as it is.

    Raises:
        ConfigurationError: The value is neither.
    """
    remedy = "Write a date such as 2026-03-31, or a time with a zone such as 2026-04-01T00:00:00Z."
    try:
        if len(value) == 10:
            return end_of_day(date.fromisoformat(value))
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ConfigurationError("as_of is not a date", value, remedy) from None
    if moment.tzinfo is None:
        raise ConfigurationError("as_of has no zone", value, remedy)
    return moment.astimezone(UTC)


def end_of_day(day: date) -> datetime:
    """The midnight that ends a UTC day."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)


def plan(input_path: str | None, as_of: str | None, settings: Settings | None = None) -> Plan:
    """Decide what this cycle ingests.

    Without a path it is the shipped sample: 30 days the first time, then the day after the last published one.

    Raises:
        ConfigurationError: as_of is given for the sample, or the path does not exist.
    """
    settings = settings or get_settings()
    if input_path:
        path = Path(input_path).expanduser().resolve()
        if not path.exists():
            raise ConfigurationError("there is nothing at the input path", input_path, "Give a file or a folder.")
        return Plan("default", str(path), parse_as_of(as_of) if as_of else None)
    if as_of:
        raise ConfigurationError(
            "--as-of goes with --input", as_of, "The sample's next day follows the last published one."
        )
    return _plan_sample(settings)


def _plan_sample(settings: Settings) -> Plan:
    from touchstone.sample import FIRST_DAY, INITIAL_DAYS, write_day

    folder = settings.state_dir / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    last = last_published(settings, SAMPLE_INSTANCE)
    newest = FIRST_DAY + timedelta(days=INITIAL_DAYS - 1) if last is None else last.date()
    # last is a midnight: its date is the day after the last published one
    for offset in range((newest - FIRST_DAY).days + 1):
        write_day(FIRST_DAY + timedelta(days=offset), folder)
    return Plan(SAMPLE_INSTANCE, str(folder), end_of_day(newest))


def last_published(settings: Settings, instance: str | None = None) -> datetime | None:
    """as_of of the last publication that followed an ingest of the instance (of any, when none is named)."""
    with connect("loader", settings=settings) as connection:
        return connection.execute(
            """
            select max(publications.as_of) from ops.publications
            where %(instance)s::text is null or exists (
                select 1 from ops.runs
                where step = 'ingest' and status = 'succeeded' and instance = %(instance)s and runs.as_of = publications.as_of
            )
            """,
            {"instance": instance},
        ).fetchone()[0]


def ingest_source(
    source: SourceInstance,
    *,
    path: str | None = None,
    as_of: datetime | None = None,
    settings: Settings | None = None,
    secrets: dict[str, str] | None = None,
) -> IngestResult:
    """Land what is new in one source instance.

    Args:
        path: Read this instead of the configured place; files only.
        secrets: Credentials of a source that is read over HTTP; by default from the environment.
    """
    settings = settings or get_settings()
    if source.is_http:
        from touchstone.sources.http.runner import ingest
        from touchstone.sources.registry import connector

        if path:
            raise ConfigurationError(f"{source.name} reads no path", path, "Leave the path out.")
        return ingest(connector(source.source), source, as_of=as_of, settings=settings, secrets=secrets)
    from touchstone.sources import files

    target = Path(path) if path else source.location(settings)
    return files.ingest(target, as_of=as_of, instance=source.instance, settings=settings, missing_ok=path is None)


def backfill_source(
    name: str, first: str, last: str, settings: Settings | None = None, secrets: dict[str, str] | None = None
) -> IngestResult:
    """Read an interval again without moving the live cursor: conversations of files that started in it, and of APIs what
    changed since it began, where they can be asked for that.

    Args:
        name: `<source>:<instance>` of config/sources.yml.
        first: First day, ISO.
        last: Last day, ISO.

    Raises:
        ConfigurationError: The instance is unknown, a day is not a date, or nothing was published yet.
    """
    from touchstone.sources import files
    from touchstone.sources.config import find_source

    settings = settings or get_settings()
    source = find_source(name, settings)
    try:
        interval = (date.fromisoformat(first), date.fromisoformat(last))
    except ValueError as error:
        raise ConfigurationError(
            "a day of the interval is not a date", f"{first}..{last}", "Write 2026-03-31."
        ) from error
    as_of = last_published(settings)
    if as_of is None:
        raise ConfigurationError("nothing was published yet", name, "Run the daily cycle once before a backfill.")
    if source.is_http:
        from touchstone.sources.http.runner import ingest
        from touchstone.sources.registry import connector

        return ingest(
            connector(source.source), source, as_of=as_of, settings=settings, secrets=secrets, interval=interval
        )
    return files.ingest(
        source.location(settings), as_of=as_of, instance=source.instance, settings=settings, interval=interval
    )


def run_steps(as_of: datetime, settings: Settings | None = None, progress: Progress | None = None) -> None:
    """Every step after ingest, one after the other in this process."""
    from touchstone.pipeline import STEPS

    for name, step in STEPS.items():
        if progress:
            progress(name)
        step(as_of, settings)
