"""Spans of AI agents, out of files of a collector or out of a table: no API is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, ClassVar

import httpx

from touchstone.errors import SourceError
from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.streams import Context, Page, RawStream, State, Stream, Ways, Window
from touchstone.sources.otel import files
from touchstone.sources.otel.gather import ended_at
from touchstone.sources.otel.source import Otel

_TRACES = RawStream(
    "traces",
    row_id=lambda record: record.row_id,
    interaction_id=lambda record: record.interaction_id,
    version=lambda record: record.version,
)
_SPANS = RawStream(
    "spans",
    row_id=lambda record: record.row_id,
    interaction_id=lambda record: record.interaction_id,
    happened_at=ended_at,
    open_fields=("attributes",),
)
_EVENTS = RawStream(
    "events",
    row_id=lambda record: record.row_id,
    interaction_id=lambda record: record.interaction_id,
    happened_at=ended_at,
    open_fields=("attributes",),
)


class OtelConnector:
    """See `touchstone.sources.http.streams.Connector`.

    The interaction_id of a trace's row is its conversation; of a span's or an event's, its trace.
    """

    name = "otel"
    budgets: ClassVar[dict[str, Budget]] = {}
    raw: ClassVar[dict[str, RawStream]] = {one.name: one for one in (_TRACES, _SPANS, _EVENTS)}

    def credentials(self, source: SourceInstance) -> Ways:
        if source.options(Otel).table is None:
            return ({},)
        return ({"url": "address of the database, as SQLAlchemy has it"},)

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        return {}

    def explain(self, response: httpx.Response) -> Exception | None:
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [Stream("spans", _walk, backfill=_interval)]

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        options = context.source.options(Otel)
        if options.table is None:
            return [("files of spans", partial(_some, options))]
        from touchstone.sources.otel import table

        return [(f"table {options.table.name}", partial(table.check, context))]


def _walk(context: Context, state: State) -> Iterator[Page]:
    options = context.source.options(Otel)
    interval = tuple(state["interval"]) if "interval" in state else None
    if options.table is None:
        return files.walk(context, options.location(), state, interval)
    # SQLAlchemy takes a moment to import, and files need none
    from touchstone.sources.otel import table

    return table.walk(context, {} if interval else state, interval)


def _interval(window: Window) -> State:
    first, last = window.interval
    moments = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    return {"interval": [int(moment.timestamp()) * 1_000_000_000 for moment in moments]}


def _some(options: Otel) -> None:
    place = options.location()
    if not files.files_of(place):
        raise SourceError(
            "a folder without files of spans",
            str(place),
            f"Let a collector write files there: {', '.join(files.SUFFIXES)}.",
        )
