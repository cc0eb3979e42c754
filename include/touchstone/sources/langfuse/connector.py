"""Langfuse's public API: traces, their observations, and scores, each by its own moment.

Nothing tells what has changed, and ingestion is asynchronous: a trace is there before its output, a session is named later, an
observation ends after it began. So each run reads the last days again, and the newest moment that answers stated is its state.
Version 4 knows no traces: there a trace is its root observation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import httpx

from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.faults import CredentialsError, PermissionRefused, RequestRefused
from touchstone.sources.http.streams import Context, Placed, RawStream, Record, State, Stream, Ways, Window
from touchstone.sources.langfuse.pages import by_cursor, by_day
from touchstone.sources.langfuse.source import Langfuse

PUBLIC = "/api/public"
EVERYTHING = "core,basic,time,io,metadata,model,usage,metrics,trace_context"
PER_PAGE = 50  # an answer holds at most 5 MB, inputs and outputs included
SCORES_PER_PAGE = 100
BEFORE_START = timedelta(days=7)
# microseconds that no moment reaches
_FOREVER = 1 << 60
_APP_ROOT = 1 << 61
_TYPES = frozenset(
    "SPAN GENERATION EVENT AGENT TOOL CHAIN RETRIEVER EVALUATOR EMBEDDING GUARDRAIL".split()  # noqa: SIM905
)


def moment(value: Any) -> datetime | None:
    """An ISO 8601 time with its zone; None for anything else."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def _begun(record: Record) -> datetime | None:
    return moment(record.get("timestamp", record.get("startTime")))


def _updated(record: Record) -> int | None:
    found = moment(record.get("updatedAt"))
    return None if found is None else int(found.timestamp() * 1_000_000)


def _rank(record: Record) -> int | None:
    """Which of the roots of a trace stands for it (version 4): one that the SDK marks, before one that merely has no parent, such as
    a span of HTTP around it; of those of a kind the one that began first. A trace that is stated as such has no rank."""
    if "traceId" not in record:
        return None
    begun = _begun(record)
    microseconds = _FOREVER if begun is None else int(begun.timestamp() * 1_000_000)
    return (_APP_ROOT if record.get("parentObservationId") is not None else 0) - microseconds


_TRACES = RawStream(
    "traces",
    row_id=lambda record: record.row_id,
    interaction_id=lambda record: record.interaction_id,
    version=_rank,
    happened_at=_begun,
)
_OBSERVATIONS = RawStream(
    "observations",
    row_id=lambda record: record.row_id,
    interaction_id=lambda record: record.interaction_id,
    version=_updated,
    happened_at=_begun,
    enums={"type": _TYPES, "level": frozenset({"DEBUG", "DEFAULT", "WARNING", "ERROR"})},
)
_SCORES = RawStream(
    "scores",
    row_id=lambda record: _text(record.get("id")),
    interaction_id=lambda record: record.interaction_id,
    version=_updated,
    happened_at=_begun,
    enums={"dataType": frozenset({"NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT", "CORRECTION"})},
)


class LangfuseConnector:
    """See `touchstone.sources.http.streams.Connector`.

    The interaction_id of a trace's row is its conversation; of an observation's or a score's, the trace that it belongs to, or
    `session:<id>` where a score is of a whole session.
    """

    name = "langfuse"
    budgets: ClassVar[dict[str, Budget]] = {"default": Budget("default", 30, 60)}
    raw: ClassVar[dict[str, RawStream]] = {one.name: one for one in (_TRACES, _OBSERVATIONS, _SCORES)}

    def credentials(self, source: SourceInstance) -> Ways:
        return ({"public_key": "public key of the project", "secret_key": "secret key of the project"},)

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        return {
            "main": (source.options(Langfuse).base_url, httpx.BasicAuth(secrets["public_key"], secrets["secret_key"]))
        }

    def explain(self, response: httpx.Response) -> Exception | None:
        path = response.request.url.path
        if response.status_code == 401:
            return CredentialsError(
                "Langfuse does not accept the keys", "401", "Check public and secret key, and the region of `base_url`."
            )
        if response.status_code == 403:
            return PermissionRefused(
                "Langfuse refuses the key", f"403 at {path}", "Use a key of the project, not of the organisation."
            )
        if response.status_code in (404, 405, 410):
            return RequestRefused(
                "this Langfuse has no such endpoint",
                f"{response.status_code} at {path}",
                "Write `api: v3` for self-hosted Langfuse 3, `api: v4` for Langfuse Cloud and later versions.",
                status=response.status_code,
                body=response.text,
            )
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        options = source.options(Langfuse)
        if options.api == "v4":
            return [
                Stream("observations", _observations_v4, backfill=_interval_v4),
                Stream("scores", _scores_v4, backfill=_interval_v4),
            ]
        return [
            Stream("traces", _traces_v3, backfill=_interval_v3),
            Stream("observations", _observations_v3, backfill=_interval_v3),
            Stream("scores", _scores_v3, backfill=_interval_v3),
        ]

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        if context.source.options(Langfuse).api == "v4":
            asked = {"observations": "v2/observations", "scores": "v3/scores"}
        else:
            asked = {"traces": "traces", "observations": "observations", "scores": "v2/scores"}
        return [(what, partial(context.api.get, f"{PUBLIC}/{path}", {"limit": 1})) for what, path in asked.items()]


# --- what a page holds


def trace(record: Record) -> Placed:
    """A trace, placed in its conversation."""
    trace_id = _text(record.get("id"))
    return Placed(record, trace_id, _text(record.get("sessionId")) or trace_id)


def observation(record: Record) -> Placed:
    """An observation, whose id is unique within its trace."""
    own, trace_id = _text(record.get("id")), _text(record.get("traceId"))
    return Placed(record, f"{trace_id}:{own}" if own and trace_id else own, trace_id)


def is_root(record: Record) -> bool:
    stated = record.get("isRootObservation")
    return record.get("parentObservationId") is None if stated is None else bool(stated)


def with_roots(records: list[Record]) -> dict[str, list[Record]]:
    """Observations of version 4, and those of them that stand for their trace."""
    roots = [
        Placed(one, trace_id, _text(one.get("sessionId")) or trace_id)
        for one in records
        if isinstance(one, dict) and is_root(one) and (trace_id := _text(one.get("traceId")))
    ]
    return {"observations": [_placed(one, observation) for one in records], "traces": roots}


def score(record: Record) -> Placed:
    """A score, placed with what it is of: a trace, an observation of one, or a session."""
    of = record.get("subject") or {}
    kind, subject_id = of.get("kind"), of.get("id")
    session_id = record.get("sessionId") or (subject_id if kind == "session" else None)
    trace_id = record.get("traceId") or of.get("traceId") or (subject_id if kind == "trace" else None)
    owner = _text(trace_id) or (f"session:{session_id}" if session_id else None)
    return Placed(record, _text(record.get("id")), owner)


def _placed(record: Any, place: Callable[[Record], Placed]) -> Any:
    return place(record) if isinstance(record, dict) else record


def _alone(stream: str, place: Callable[[Record], Placed]) -> Callable[[list[Record]], dict[str, list[Record]]]:
    return lambda records: {stream: [_placed(one, place) for one in records]}


# --- which moments


def _first(context: Context) -> datetime:
    """A conversation may have begun before the start: some days more show which ones."""
    return context.window.start - BEFORE_START


def _interval_v4(window: Window) -> State:
    first, last = window.interval
    return {"walk": {"since": _midnight(first), "until": _midnight(last + timedelta(days=1))}}


def _interval_v3(window: Window) -> State:
    first, last = window.interval
    return {"walk": {"day": first.isoformat(), "last": last.isoformat()}}


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _observations_v4(context: Context, state: State) -> Iterator[Any]:
    options = context.source.options(Langfuse)
    keys = {
        place.split(".")[1] for place in options.fields.model_dump().values() if (place or "").startswith("metadata.")
    }
    asked: dict[str, Any] = {"fields": EVERYTHING, "limit": PER_PAGE}
    if keys:
        # without their names, long values come cut to 200 characters
        asked["expandMetadata"] = ",".join(sorted(keys))
    if options.environments:
        asked["environment"] = options.environments
    return by_cursor(
        context,
        state,
        f"{PUBLIC}/v2/observations",
        asked,
        ("fromStartTime", "toStartTime"),
        first=_first(context),
        back=timedelta(days=options.late_days),
        begun=_begun,
        records_of=with_roots,
    )


def _scores_v4(context: Context, state: State) -> Iterator[Any]:
    options = context.source.options(Langfuse)
    return by_cursor(
        context,
        state,
        f"{PUBLIC}/v3/scores",
        {"fields": "details,subject,annotation", "limit": SCORES_PER_PAGE},
        ("fromTimestamp", "toTimestamp"),
        first=_first(context),
        back=timedelta(days=options.score_days),
        begun=_begun,
        records_of=_alone("scores", score),
    )


def _traces_v3(context: Context, state: State) -> Iterator[Any]:
    return _days_v3(context, state, "traces", ("fromTimestamp", "toTimestamp"), _alone("traces", trace))


def _observations_v3(context: Context, state: State) -> Iterator[Any]:
    return _days_v3(
        context, state, "observations", ("fromStartTime", "toStartTime"), _alone("observations", observation)
    )


def _scores_v3(context: Context, state: State) -> Iterator[Any]:
    return _days_v3(context, state, "v2/scores", ("fromTimestamp", "toTimestamp"), _alone("scores", score))


def _days_v3(
    context: Context,
    state: State,
    path: str,
    bounds: tuple[str, str],
    records_of: Callable[[list[Record]], dict[str, list[Record]]],
) -> Iterator[Any]:
    options = context.source.options(Langfuse)
    is_scores = path == "v2/scores"
    asked: dict[str, Any] = {"limit": SCORES_PER_PAGE if is_scores else PER_PAGE}
    if options.environments and not is_scores:
        asked["environment"] = options.environments
    if path == "traces":
        asked["orderBy"] = "timestamp.asc"
    return by_day(
        context,
        state,
        f"{PUBLIC}/{path}",
        asked,
        bounds,
        first=_first(context),
        back=timedelta(days=options.score_days if is_scores else options.late_days),
        begun=_begun,
        records_of=records_of,
    )
