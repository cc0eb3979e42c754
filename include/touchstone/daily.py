"""The daily cycle as a person starts it: what to ingest, as of when, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
SANDBOX_INSTANCE = "sandbox"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What one cycle ingests.

    Attributes:
        sources: Configured instances, `<source>:<instance>`.
        path: Read by a files source instead of its configured place.
        as_of: End of the ledger day; None: the newest accepted message decides.
        sandbox: Address and credentials of the simulated vendors are needed; `simulated_vendors` has them running.
    """

    sources: tuple[str, ...]
    path: str | None
    as_of: datetime | None
    sandbox: bool = False

    @property
    def instance(self) -> str:
        """What the sources of one cycle have in common."""
        return self.sources[0].partition(":")[2]


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


def plan(input_path: str | None, as_of: str | None, settings: Settings | None = None, *, sample: bool = False) -> Plan:
    """Decide what this cycle ingests.

    Without a path it is the simulated company, read from its vendors' APIs: 30 days the first time, then the day after the
    last published one. `sample` takes the days of the shipped conversation files instead.

    Raises:
        ConfigurationError: as_of is given without a path, or the path does not exist.
    """
    settings = settings or get_settings()
    if input_path:
        path = Path(input_path).expanduser().resolve()
        if not path.exists():
            raise ConfigurationError("there is nothing at the input path", input_path, "Give a file or a folder.")
        return Plan(("files:default",), str(path), parse_as_of(as_of) if as_of else None)
    if as_of:
        raise ConfigurationError(
            "--as-of goes with --input", as_of, "Without it the next day follows the last published one."
        )
    from touchstone.sample import FIRST_DAY, INITIAL_DAYS, write_day

    instance = SAMPLE_INSTANCE if sample else SANDBOX_INSTANCE
    last = last_published(settings, instance)
    # last is a midnight: its date is the day after the last published one
    newest = FIRST_DAY + timedelta(days=INITIAL_DAYS - 1) if last is None else last.date()
    if not sample:
        return Plan(simulated_sources(settings), None, end_of_day(newest), sandbox=True)
    folder = settings.state_dir / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    for offset in range((newest - FIRST_DAY).days + 1):
        write_day(FIRST_DAY + timedelta(days=offset), folder)
    return Plan((f"files:{instance}",), str(folder), end_of_day(newest))


def simulated_sources(settings: Settings) -> tuple[str, ...]:
    """The configured instances that read the simulated company."""
    from touchstone.sources.config import load_sources

    found = tuple(source.name for source in load_sources(settings) if source.instance == SANDBOX_INSTANCE)
    if not found:
        raise ConfigurationError(
            "no source reads the simulated company",
            f"instance: {SANDBOX_INSTANCE}",
            "Add one to config/sources.yml, or give your own files with --input.",
        )
    return found


def ingest_plan(plan: Plan, settings: Settings | None = None, progress: Progress | None = None) -> datetime:
    """Land what a plan names, one source after the other; returns the as_of that the later steps work by.

    Raises:
        ConfigurationError: The input holds nothing.
    """
    from touchstone.sources.config import find_source

    found: datetime | None = None
    for name in plan.sources:
        if progress:
            progress(f"ingest {name}")
        result = ingest_source(find_source(name, settings), path=plan.path, as_of=plan.as_of, settings=settings)
        found = result.as_of if found is None else max(filter(None, (found, result.as_of)))
    if found is None:
        raise ConfigurationError("there is nothing to ingest", plan.path, "Give a file with conversations.")
    return found


@contextmanager
def simulated_vendors(plan: Plan, settings: Settings | None = None, progress: Progress | None = None) -> Iterator[None]:
    """Have the simulated vendors answer while a plan that reads them is carried out; their clock stands at its as_of."""
    if not plan.sandbox:
        yield
        return
    from touchstone.sandbox.service import serving

    if progress:
        progress("starting the simulated vendors")
    with serving(plan.as_of, settings):
        yield


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
    if source.is_connected:
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
    if source.is_connected:
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
