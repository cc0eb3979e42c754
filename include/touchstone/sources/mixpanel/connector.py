"""Mixpanel: product events, by its raw export.

One day per request, since dates are inclusive at both ends. Events arrive days late and some are deleted, so the last days are
read again in every run, and what a day states replaces what was held of it. Dates are those of the project's time zone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import httpx

from touchstone.sources.config import SourceInstance
from touchstone.sources.http import periods
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import CredentialsError, CutAnswer, PermissionRefused, RequestRefused
from touchstone.sources.http.periods import Refused, no_event, record_of
from touchstone.sources.http.streams import Context, Page, Placed, RawStream, Record, State, Stream, Ways
from touchstone.sources.mixpanel.source import Mixpanel

PATH = "/export"
MEDIA_TYPE = "text/plain"
TRAILING_DAYS = 5
LONGEST_RECORD = 16 * 1024 * 1024
_TERMINATED = b"terminated early"


def _processed(record: Record) -> int | None:
    value = record["properties"].get("mp_processing_time_ms")
    return value if type(value) is int else None


def _received_at(record: Record) -> datetime | None:
    # an event's own time is in the zone of the project, which may have been another
    processed = _processed(record)
    return None if processed is None else datetime.fromtimestamp(processed / 1000, UTC)


_EVENTS = RawStream(
    "events",
    row_id=lambda record: record.row_id,
    interaction_id=lambda record: record.interaction_id,
    # of two statements of one event the one that was processed last
    version=_processed,
    open_fields=("properties",),
    happened_at=_received_at,
)


class MixpanelConnector:
    """See `touchstone.sources.http.streams.Connector`. The interaction_id of an event's row is the day that stated it."""

    name = "mixpanel"
    budgets: ClassVar[dict[str, Budget]] = {
        "export": Budget("export", 60, 3600, also="export_second"),
        "export_second": Budget("export_second", 3, 1),
    }
    raw: ClassVar[dict[str, RawStream]] = {"events": _EVENTS}

    def credentials(self, source: SourceInstance) -> Ways:
        return ({"user": "user name of the service account", "secret": "secret of the service account"},)

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        return {"main": (source.options(Mixpanel).base_url, httpx.BasicAuth(secrets["user"], secrets["secret"]))}

    def explain(self, response: httpx.Response) -> Exception | None:
        stated = _error(response)
        if response.status_code == 401:
            return CredentialsError(
                "Mixpanel does not accept the credentials", "401", "Check user name and secret of the service account."
            )
        if response.status_code == 402:
            return PermissionRefused(
                "Mixpanel's plan holds no raw export", f"402: {stated}", "Ask Mixpanel for a plan that does."
            )
        if response.status_code == 403:
            return PermissionRefused(
                "Mixpanel refuses the project",
                f"403: {stated}",
                "Check `project_id`, and make the service account a member of the project.",
            )
        if response.status_code == 400 and "later than today" in stated:
            return RequestRefused(
                "Mixpanel's today is not ours",
                stated,
                "Set `time_zone` in config/sources.yml to that of the project's settings.",
                status=400,
                body=stated,
            )
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [Stream("events", _walk, backfill=periods.interval)]

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        return [("export of events", partial(_probe, context))]


def _error(response: httpx.Response) -> str:
    try:
        body = json.loads(response.content)
    except ValueError:
        return ""
    return str(body.get("error", ""))[:300] if isinstance(body, dict) else ""


def _probe(context: Context) -> None:
    """Ask for one event of the first day of interest."""
    first = min(context.source.options(Mixpanel).start, _today(context))
    with context.api.lines(PATH, _parameters(context, first) | {"limit": 1}, media_type=MEDIA_TYPE) as lines:
        next(lines, None)


# --- which days


def _today(context: Context) -> date:
    return context.window.now.astimezone(ZoneInfo(context.source.options(Mixpanel).time_zone)).date()


def _walk(context: Context, state: State) -> Iterator[Page]:
    return periods.walk_days(
        state,
        start=context.source.options(Mixpanel).start,
        today=_today(context),
        trailing=TRAILING_DAYS,
        pages_of=partial(_day, context),
    )


# --- one day


def _parameters(context: Context, day: date) -> dict[str, Any]:
    project = context.source.options(Mixpanel).project_id
    return {"project_id": project, "from_date": day.isoformat(), "to_date": day.isoformat()}


def _day(context: Context, day: date) -> Iterator[Page]:
    return periods.believed(context, "events", f"the export of {day}", partial(_pages, context, day))


def _pages(context: Context, day: date) -> Iterator[Page]:
    """A day in one page, or in parts; the last page is made when the body has proved whole."""
    name = day.isoformat()
    asked = _parameters(context, day)
    with context.api.lines(PATH, asked, budget="export", media_type=MEDIA_TYPE) as lines:
        reader = Reader(context.api, f"the export of {day}")
        stated = (Placed(record, _event_id(record), name) for record in reader.events(lines))
        yield from periods.in_pages("events", [(name, stated)], reader.taken)


def _event_id(record: Record) -> str | None:
    """Digest of what makes two statements the same event: name, time, who, and the id that the sender gave it.

    Where the sender gave none, its properties stand for it, so that only true copies are one.
    """
    properties = record["properties"]
    if properties.get("time") is None:
        return None
    given = properties.get("$insert_id")
    if given is None:
        given = {name: value for name, value in properties.items() if name != "mp_processing_time_ms"}
    four = (record["event"], properties["time"], properties.get("distinct_id"), given)
    return hashlib.md5(json.dumps(four, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


class Reader:
    """Events out of the lines of an export.

    A record may hold line breaks, and then comes in several lines. A line that belongs to no record is refused, unless nothing
    that can be read follows it: then the body was cut.

    Args:
        api: Whose count of replaced characters goes on.
        what: The export, for messages.
    """

    def __init__(self, api: ApiClient, what: str) -> None:
        self._api = api
        self._what = what
        self._refused: list[Refused] = []

    def taken(self) -> list[Refused]:
        """What was refused since this was last asked."""
        refused, self._refused = self._refused, []
        return refused

    def events(self, lines: Iterable[bytes]) -> Iterator[Record]:
        """The events.

        Raises:
            CutAnswer: The body ends with the vendor's words for it, or in the midst of a record.
        """
        pending: list[bytes] = []
        size = 0
        for line in lines:
            found = self._event(line)
            if found is not None:
                self._refuse(pending)
                pending, size = [], 0
                yield found
                continue
            if not pending:
                if not line.strip():
                    continue
                if line.strip() == _TERMINATED:
                    raise CutAnswer(f"{self._what} was terminated early")
            pending.append(line)
            size += len(line)
            if line.rstrip().endswith(b"}"):
                start, found = self._joined(pending)
                if found is not None:
                    self._refuse(pending[:start])
                    pending, size = [], 0
                    yield found
            elif size > LONGEST_RECORD:
                self._refuse(pending)
                pending, size = [], 0
        if pending:
            raise CutAnswer(f"{self._what} ends in the midst of a record")

    def _joined(self, pending: list[bytes]) -> tuple[int, Record | None]:
        """A record of several lines and the line on which it begins: what comes before it belongs to none."""
        for start, line in enumerate(pending):
            if line.lstrip().startswith(b"{"):
                # a line break within a text; or one that was set into the midst of anything
                for glue in (b"\n", b""):
                    found = self._event(glue.join(pending[start:]))
                    if found is not None:
                        return start, found
        return 0, None

    def _event(self, body: bytes) -> Record | None:
        """The event that a body states; None for everything else."""
        value = record_of(self._api, body)
        if value is None or not isinstance(value.get("event"), str) or not isinstance(value.get("properties"), dict):
            return None
        return value

    def _refuse(self, lines: list[bytes]) -> None:
        if any(line.strip() for line in lines):
            self._refused.append(no_event("events", "Mixpanel", lines))
