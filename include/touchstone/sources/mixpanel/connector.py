"""Mixpanel: product events, by its raw export.

One day per request, since dates are inclusive at both ends. Events arrive days late and some are deleted, so the last days are
read again in every run, and what a day states replaces what was held of it. Dates are those of the project's time zone.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import httpx

from touchstone.sources.characters import decoded, storable
from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import CredentialsError, CutAnswer, PermissionRefused, RequestRefused
from touchstone.sources.http.streams import Context, Page, Part, Placed, RawStream, Record, State, Stream, Ways, Window
from touchstone.sources.mixpanel.source import Mixpanel
from touchstone.sources.reasons import kept_payload

log = logging.getLogger(__name__)

PATH = "/export"
MEDIA_TYPE = "text/plain"
TRAILING_DAYS = 5
PART_EVENTS = 10_000
ATTEMPTS = 5
FIRST_PAUSE = 1.0
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
        return [Stream("events", _walk, backfill=_interval)]

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


def _interval(window: Window) -> State:
    first, last = window.interval
    return {"walk": {"next": first.isoformat(), "last": last.isoformat()}}


def _walk(context: Context, state: State) -> Iterator[Page]:
    """Days in their order up to today; the next run begins some days before the day on which this walk began.

    What a walk read before it was stopped may have become stale when it goes on: the day that counts is that of its beginning.
    """
    today = _today(context)
    walk = state.get("walk")
    if walk is None:
        start = context.source.options(Mixpanel).start
        through = state.get("through")
        first = start if through is None else max(start, date.fromisoformat(through) - timedelta(days=TRAILING_DAYS))
        walk = {"next": first.isoformat(), "began": today.isoformat()}
    last = min(today, date.fromisoformat(walk.get("last", today.isoformat())))
    day = date.fromisoformat(walk["next"])
    while day <= last:
        following = day + timedelta(days=1)
        for page in _day(context, day):
            if _is_last(page):
                page.state = (
                    {"through": walk.get("began")}
                    if day == last
                    else {**state, "walk": {**walk, "next": following.isoformat()}}
                )
            yield page
        day = following


# --- one day


def _parameters(context: Context, day: date) -> dict[str, Any]:
    project = context.source.options(Mixpanel).project_id
    return {"project_id": project, "from_date": day.isoformat(), "to_date": day.isoformat()}


def _day(context: Context, day: date) -> Iterator[Page]:
    """The pages of a day, from its beginning again where its body was cut.

    A day that states fewer events than are held of it is believed when it does so twice: a body may end early without a word.
    """
    held = context.rows.count("events", day.isoformat())
    smaller: int | None = None
    for attempt in range(1, ATTEMPTS + 1):
        count = 0
        try:
            for page in _pages(context, day):
                count += len({record.row_id for record in page.records["events"]})
                if _is_last(page) and count < held and count != smaller:
                    smaller = count
                    raise CutAnswer(f"the export of {day} states {count} of the {held} events that are held of it")
                yield page
            return
        except CutAnswer as fault:
            if attempt == ATTEMPTS:
                raise CutAnswer(
                    f"{context.source.name}: the export of {day} failed {ATTEMPTS} times", fault.thing, "Run it again."
                ) from None
            pause = FIRST_PAUSE * 2 ** (attempt - 1)
            log.warning("%s: %s; again in %.1f s", context.source.name, fault.thing, pause)
            time.sleep(pause)


def _is_last(page: Page) -> bool:
    return page.part is None or page.part.is_last


def _pages(context: Context, day: date) -> Iterator[Page]:
    """A day in one page, or in parts of `PART_EVENTS`; the last page is made when the body has proved whole."""
    name = day.isoformat()
    records: list[Record] = []
    is_first = True
    asked = _parameters(context, day)
    with context.api.lines(PATH, asked, budget="export", media_type=MEDIA_TYPE) as lines:
        reader = Reader(context.api, f"the export of {day}")
        for record in reader.events(lines):
            if len(records) == PART_EVENTS:
                part = Part("events", name, is_first, is_last=False)
                yield Page({"events": records}, None, refused=reader.taken(), part=part)
                records, is_first = [], False
            records.append(Placed(record, _event_id(record), name))
    if is_first:
        yield Page({"events": records}, None, replaced={"events": {name}}, refused=reader.taken())
    else:
        part = Part("events", name, is_first=False, is_last=True)
        yield Page({"events": records}, None, refused=reader.taken(), part=part)


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
        self._refused: list[tuple[str, str, str, str, str]] = []

    def taken(self) -> list[tuple[str, str, str, str, str]]:
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
        try:
            try:
                value, count = decoded(body)
            except ValueError:
                value, count = storable(json.loads(body.decode(), strict=False))
        except (ValueError, RecursionError):
            return None
        is_event = (
            isinstance(value, dict)
            and isinstance(value.get("event"), str)
            and isinstance(value.get("properties"), dict)
        )
        if not is_event:
            return None
        self._api.traffic.replaced_characters += count
        return value

    def _refuse(self, lines: list[bytes]) -> None:
        if any(line.strip() for line in lines):
            self._refused.append(
                (
                    "events",
                    "json_malformed",
                    "is not an event in JSON",
                    "Report it to Mixpanel; the event lands by itself once it is stated correctly.",
                    kept_payload(b"\n".join(lines)),
                )
            )
