"""Records become what lands: spans and events of AI agents, and for each of their traces the conversation that it is part of."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from touchstone.sources.http.streams import Context, Page, Placed, Record, State
from touchstone.sources.otel.otlp import PREFIX, placed_event, placed_span
from touchstone.sources.otel.source import Otel

BEFORE_START = timedelta(days=7)
USERS = ("user.id", "enduser.id")
# microseconds since 1970 that no moment reaches
_FOREVER = (1 << 52) - 1


class Trace(Placed):
    """A trace with the conversation that one of its spans or events names.

    Attributes:
        version: The nearer the front of the configuration the name stands, the greater; then, the earlier whoever says so began.
    """

    __slots__ = ("version",)

    def __init__(self, trace_id: str, conversation: str | None, version: int) -> None:
        super().__init__({"traceId": trace_id, "conversationId": conversation}, trace_id, conversation or trace_id)
        self.version = version


class Gathered:
    """The records of a page.

    Args:
        interval: Nanoseconds from which on and before which a backfill takes spans.
    """

    def __init__(self, context: Context, interval: tuple[int, int] | None = None) -> None:
        options = context.source.options(Otel)
        self._context = context
        self._conversation = options.conversation
        self._named = {*options.conversation, *USERS, *filter(None, options.fields.model_dump().values())}
        first = context.window.start - BEFORE_START
        self._interval = interval or (int(first.timestamp()) * 1_000_000_000, 2**63)
        self._clear()

    def _clear(self) -> None:
        self._spans: list[Any] = []
        self._events: list[Any] = []
        self._traces: dict[str, Trace] = {}
        self._refused: list[tuple[str, str, str, str, str]] = []

    @property
    def size(self) -> int:
        return len(self._spans) + len(self._events) + len(self._refused)

    def span(self, record: Any) -> None:
        """Take a span, unless it is none of an AI agent's."""
        if not isinstance(record, dict):
            self._spans.append(record)
            return
        if not self._is_of_agents(record):
            self._context.skip("spans of no AI agent")
            return
        if not self._is_wanted(record["startTimeUnixNano"]):
            self._context.skip("spans from before the start")
            return
        placed = placed_span(record)
        self._spans.append(placed)
        if placed.row_id is None:
            return
        self._see(placed.interaction_id, {**record["resource"], **record["attributes"]}, record["startTimeUnixNano"])
        self._take_events(list(enumerate(record["events"])))

    def logs(self, records: list[Record]) -> None:
        """Take events that were exported as log records."""
        own = [(place, one) for place, one in enumerate(records) if str(one["name"] or "").startswith(PREFIX)]
        if len(own) < len(records):
            self._context.skipped["log records of no AI agent"] = (
                self._context.skipped.get("log records of no AI agent", 0) + len(records) - len(own)
            )
        self._take_events([(place, one) for place, one in own if self._is_wanted(one["timeUnixNano"])])

    def refuse(self, code: str, reason: str, remedy: str, piece: str) -> None:
        self._refused.append(("spans", code, reason, remedy, piece))

    def page(self, state: State | None) -> Page:
        """What was gathered, and where the walk stands once it has landed."""
        page = Page(
            {"spans": self._spans, "events": self._events, "traces": list(self._traces.values())},
            state,
            refused=self._refused,
        )
        self._clear()
        return page

    def _take_events(self, records: list[tuple[int, Record]]) -> None:
        """Take events, each with its place among those that were exported with it."""
        counts: Counter[bytes] = Counter()
        for ordinal, record in records:
            said = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
            counts[said] += 1
            placed = placed_event(record, counts[said], ordinal)
            self._events.append(placed)
            if placed.interaction_id is not None:
                self._see(
                    placed.interaction_id,
                    {**(record.get("resource") or {}), **record["attributes"]},
                    record["timeUnixNano"],
                )

    def _see(self, trace_id: str, said: dict[str, Any], nanoseconds: Any) -> None:
        """Note the trace; of its spans only some name the conversation, not all the same one, and they come in any order."""
        for place, name in enumerate(self._conversation):
            if said.get(name) not in (None, ""):
                begun = nanoseconds // 1000 if isinstance(nanoseconds, int) else _FOREVER
                rank = (len(self._conversation) - place) * (_FOREVER + 1) - min(max(begun, 0), _FOREVER)
                seen = Trace(trace_id, str(said[name]), rank)
                break
        else:
            seen = Trace(trace_id, None, 0)
        held = self._traces.get(trace_id)
        if held is None or seen.version > held.version:
            self._traces[trace_id] = seen

    def _is_of_agents(self, record: Record) -> bool:
        said = record["attributes"]
        return any(name.startswith(PREFIX) or name in self._named for name in said) or any(
            str(event["name"]).startswith(PREFIX) for event in record["events"]
        )

    def _is_wanted(self, moment: Any) -> bool:
        return not isinstance(moment, int) or self._interval[0] <= moment < self._interval[1]


def ended_at(record: Record) -> datetime | None:
    """When a span ended, or an event happened."""
    moment = record.get("endTimeUnixNano") or record.get("timeUnixNano")
    try:
        return datetime.fromtimestamp(moment / 1e9, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
