"""One run of a source that a connector reads, mostly over HTTP: its streams one after the other, each page landed with its cursor."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

from touchstone.errors import ConfigurationError, SourceError
from touchstone.settings import Settings
from touchstone.sources import sandbox
from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget, SharedBudgets
from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.drift import Shapes
from touchstone.sources.http.faults import CredentialsError, UnreachableError
from touchstone.sources.http.pages import Counts, Lander
from touchstone.sources.http.streams import Connector, Context, Stream, Window
from touchstone.sources.options import Http
from touchstone.sources.result import IngestResult
from touchstone.sources.secrets import find_secrets
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect
from touchstone.warehouse.locks import instance_lock

log = logging.getLogger(__name__)

Progress = Callable[[str, int], None]


def ingest(
    connector: Connector,
    source: SourceInstance,
    *,
    as_of: datetime | None = None,
    settings: Settings | None = None,
    secrets: dict[str, str] | None = None,
    interval: tuple[date, date] | None = None,
    progress: Progress | None = None,
) -> IngestResult:
    """Land what is new in a source instance.

    A stream that fails leaves what it landed and its cursor behind; the others go on, and the run fails at its end with the
    name of each. Credentials that are refused, and a host that does not answer, end it at once.

    Args:
        as_of: End of the ledger day, and the run's present where it has passed; the end of this UTC day by default.
        secrets: Credentials by name; by default from the environment (see `touchstone.sources.secrets`).
        interval: First and last UTC day of a backfill: read with cursors of its own, which are thrown away.
        progress: Called after each page with its stream and the records of it so far.

    Raises:
        BusyError: Another run is loading the same source instance.
        CredentialsError, UnreachableError: As named.
        SourceError: A stream failed.
    """
    clock = datetime.now(UTC)
    ledger_day = as_of or (clock.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1))
    window = Window(min(clock, ledger_day), source.start, interval)
    total = Counts()
    failures: dict[str, str] = {}
    with (
        instance_lock(source.source, source.instance, settings),
        ledger.step(
            "ingest", as_of=ledger_day, source=source.source, instance=source.instance, settings=settings
        ) as run,
        connect("loader", autocommit=True, settings=settings, application_name="touchstone ingest") as connection,
        _context(connector, source, window, connection, secrets, settings) as context,
    ):
        connection.execute(
            "insert into ops.source_options (source, instance, options) values (%s, %s, %s)"
            " on conflict (source, instance) do update set options = excluded.options, updated_at = clock_timestamp()",
            [source.source, source.instance, Jsonb(source.entry.model_dump(mode="json"))],
        )
        shapes = Shapes(connection, source.source, source.instance, connector.raw)
        lander = Lander(
            connection,
            f"raw_{source.source}",
            source.source,
            source.instance,
            run.run_id,
            ledger_day,
            connector.raw,
            shapes,
            is_live=interval is None,
        )
        context.held, context.rows = lander.held, lander
        left_out = []
        for stream in connector.streams(source):
            if interval is not None and stream.backfill is None:
                left_out.append(stream.name)
                continue
            try:
                _follow(stream, context, lander, total, progress)
            except (CredentialsError, UnreachableError):
                raise
            except SourceError as error:
                log.error("%s: stream %s stopped: %s", source.name, stream.name, error)
                failures[stream.name] = str(error)
        run.rows_in, run.rows_quarantined = total.rows_in, total.quarantined
        run.rows_out = total.inserted + total.updated + total.unchanged
        run.detail = _detail(context, total, shapes, failures, left_out)
        if failures:
            raise SourceError(
                f"{source.name}: {len(failures)} of its streams stopped",
                "; ".join(f"{name}: {why}" for name, why in failures.items()),
                "Run it again: it goes on where each stopped.",
            )
    return IngestResult(
        run_id=run.run_id,
        as_of=ledger_day,
        rows_in=total.rows_in,
        rows_inserted=total.inserted,
        rows_updated=total.updated,
        rows_unchanged=total.unchanged,
        rows_quarantined=total.quarantined,
        newest_message_at=total.newest,
        replaced_characters=run.detail["replaced_characters"],
        detail=run.detail,
    )


def check(
    connector: Connector,
    source: SourceInstance,
    secrets: dict[str, str] | None = None,
    settings: Settings | None = None,
) -> list[tuple[str, SourceError | None]]:
    """What works of a source instance: (what was asked, None or what is wrong).

    The first refused credentials or unreachable host end it: the rest would say the same.
    """
    now = datetime.now(UTC)
    verdicts: list[tuple[str, SourceError | None]] = []
    with _context(connector, source, Window(now, source.start), None, secrets, settings) as context:
        for what, request in connector.check(context):
            try:
                request()
            except SourceError as error:
                verdicts.append((what, error))
                if isinstance(error, CredentialsError | UnreachableError):
                    break
            else:
                verdicts.append((what, None))
    return verdicts


@contextlib.contextmanager
def _context(
    connector: Connector,
    source: SourceInstance,
    window: Window,
    connection: psycopg.Connection | None,
    secrets: dict[str, str] | None,
    settings: Settings | None,
) -> Iterator[Context]:
    given = find_secrets(source, connector.credentials(source), settings) if secrets is None else secrets
    with contextlib.ExitStack() as stack:
        budgets = None
        if connection is not None:
            pacing = stack.enter_context(
                connect("loader", autocommit=True, settings=settings, application_name="touchstone budgets")
            )
            budgets = SharedBudgets(pacing, source.source, source.instance, _budgets(connector, source))
        apis = {
            name: stack.enter_context(
                ApiClient(
                    source.name, sandbox.resolved(base_url, settings), auth, budgets=budgets, explain=connector.explain
                )
            )
            for name, (base_url, auth) in connector.apis(source, given).items()
        }
        yield Context(apis, source, window, held=lambda stream, ids: {}, secrets=given)


def _budgets(connector: Connector, source: SourceInstance) -> dict[str, Budget]:
    """The vendor's budgets, with what the plan of this instance allows."""
    stated = source.entry.requests_per_minute if isinstance(source.entry, Http) else {}
    for name in stated:
        if name not in connector.budgets:
            raise ConfigurationError(
                f"{source.name}: `requests_per_minute` names no budget",
                name,
                f"It takes {', '.join(connector.budgets)}.",
            )
    return connector.budgets | {
        name: replace(connector.budgets[name], requests=requests, seconds=60) for name, requests in stated.items()
    }


def _follow(stream: Stream, context: Context, lander: Lander, total: Counts, progress: Progress | None) -> None:
    """Walk one stream from its cursor on."""
    if lander.is_live:
        state = lander.state(stream.name)
    elif stream.backfill is None:
        raise ConfigurationError("a stream cannot address an interval", stream.name, "Leave it out of the backfill.")
    else:
        state = stream.backfill(context.window)
    count = 0
    for page in stream.walk(context, state):
        landed = lander.land(stream.name, page)
        total.add(landed)
        count += landed.rows_in
        if progress:
            progress(stream.name, count)


def _detail(
    context: Context, total: Counts, shapes: Shapes, failures: dict[str, str], left_out: list[str]
) -> dict[str, object]:
    traffic = [api.traffic for api in context.apis.values()]
    requests: dict[str, int] = {}
    for one in traffic:
        for budget, count in one.requests.items():
            requests[budget] = requests.get(budget, 0) + count
    return {
        "records": total.by_stream,
        "rows_inserted": total.inserted,
        "rows_updated": total.updated,
        "rows_unchanged": total.unchanged,
        "requests": requests,
        "repeated_requests": sum(sum(one.repeated.values()) for one in traffic),
        "waited_seconds": round(sum(one.waited_seconds for one in traffic), 1),
        "replaced_characters": context.replaced_characters + sum(one.replaced_characters for one in traffic),
        "schema_changes": shapes.changes,
        "skipped_records": context.skipped,
        "deleted_for_good": context.deleted,
        "warnings": context.warnings,
        "failed_streams": failures,
        "streams_without_interval": left_out,
    }
