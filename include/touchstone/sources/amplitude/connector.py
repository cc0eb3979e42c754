"""Amplitude: product events, by its export of hours.

An archive holds the files of the hours that were asked for, by when events were uploaded: an event that is late comes with a later
hour, so no hour is read again for its sake. An hour is there some hours after its end, and nothing says which ones are: no later one
is asked for, and the next run begins before the newest hour that stated anything.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, BinaryIO, ClassVar
from zipfile import BadZipFile, ZipFile

import httpx

from touchstone.errors import SourceError
from touchstone.sources.amplitude.source import Amplitude
from touchstone.sources.config import SourceInstance
from touchstone.sources.http import periods
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.faults import BrokenAnswer, CredentialsError, CutAnswer, PermissionRefused, RequestRefused
from touchstone.sources.http.periods import Refused, no_event, record_of
from touchstone.sources.http.streams import Context, Page, Placed, RawStream, Record, State, Stream, Ways, Window

PATH = "/api/2/export"
MEDIA_TYPE = "application/zip"
WINDOW_HOURS = 24
READY_HOURS = 3
"""From the beginning of an hour until it can be exported: its own length, and two hours."""
TRAILING_HOURS = 24
"""Read again before the newest hour that stated anything."""
QUIET_HOURS = 168
"""Hours without events that are asked for again, in case they were not ready."""
HASTY_ATTEMPTS = 3
LONGEST_LINE = 16 * 1024 * 1024
_FILE = re.compile(r"_(\d{4}-\d{2}-\d{2})_(\d{1,2})(?:#\d+)?\.json\.gz$")


def moment(text: Any) -> datetime | None:
    """A time as the export writes it, in UTC without saying so; None for everything else."""
    try:
        value = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _uploaded_at(record: Record) -> datetime | None:
    return moment(record.get("server_upload_time"))


def _processed(record: Record) -> int | None:
    value = moment(record.get("processed_time")) or _uploaded_at(record)
    return None if value is None else int(value.timestamp() * 1_000_000)


_EVENTS = RawStream(
    "events",
    row_id=lambda record: record.row_id,
    interaction_id=lambda record: record.interaction_id,
    # of two statements of one event the one that was processed last
    version=_processed,
    open_fields=("event_properties", "user_properties", "group_properties", "data"),
    happened_at=_uploaded_at,
)


class AmplitudeConnector:
    """See `touchstone.sources.http.streams.Connector`. The interaction_id of an event's row is the hour that stated it."""

    name = "amplitude"
    # Amplitude states no limit of this endpoint
    budgets: ClassVar[dict[str, Budget]] = {"export": Budget("export", 60, 60)}
    raw: ClassVar[dict[str, RawStream]] = {"events": _EVENTS}

    def credentials(self, source: SourceInstance) -> Ways:
        return ({"api_key": "API key of the project", "secret_key": "secret key of the project"},)

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        auth = httpx.BasicAuth(secrets["api_key"], secrets["secret_key"])
        return {"main": (source.options(Amplitude).base_url, auth)}

    def explain(self, response: httpx.Response) -> Exception | None:
        if response.status_code in (401, 403):
            kind = CredentialsError if response.status_code == 401 else PermissionRefused
            return kind(
                "Amplitude does not accept the keys",
                response.status_code,
                "Check API key and secret key of the project, and `base_url`: data in the EU have a host of their own.",
            )
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [Stream("events", _walk, backfill=_interval)]

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        return [("export of events", partial(_probe, context))]


def _probe(context: Context) -> None:
    """Ask for the newest hour that is ready."""
    with _archive(context, _last_ready(context), 1):
        pass


# --- which hours


def _name(hour: datetime) -> str:
    return f"{hour:%Y-%m-%dT%H}"


def _hour(name: str) -> datetime:
    return datetime.strptime(name, "%Y-%m-%dT%H").replace(tzinfo=UTC)


def _last_ready(context: Context) -> datetime:
    return context.window.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=READY_HOURS)


def _interval(window: Window) -> State:
    first, last = window.interval
    return {"walk": {"next": f"{first}T00", "last": f"{last}T23"}}


def _first(context: Context, state: State) -> datetime:
    """Where a walk begins: a day before the newest hour that stated anything, since a later one may not have been ready."""
    start = datetime.combine(context.source.options(Amplitude).start, time(), UTC)
    if "through" not in state:
        return start
    through = _hour(state["through"])
    newest = _hour(state["newest"]) if state.get("newest") else start
    newest = max(min(newest, through), through - timedelta(hours=QUIET_HOURS))
    return max(start, newest - timedelta(hours=TRAILING_HOURS))


def _walk(context: Context, state: State) -> Iterator[Page]:
    """Windows of hours in their order up to the last one that is ready; a window that is too much is asked for in halves."""
    ready = _last_ready(context)
    walk = state.get("walk") or {"next": _name(_first(context, state)), "began": _name(ready)}
    last = min(ready, _hour(walk["last"])) if "last" in walk else ready
    hour, hours = _hour(walk["next"]), WINDOW_HOURS
    newest = state.get("newest") or ""
    while hour <= last:
        asked = min(hours, int((last - hour) / timedelta(hours=1)) + 1)
        try:
            for page in _window(context, hour, asked):
                newest = max([newest, *(record.interaction_id for record in page.records["events"])])
                if periods.ends_periods(page):
                    following = _hour(_last_of(page)) + timedelta(hours=1)
                    kept = {"newest": newest or None}
                    page.state = (
                        {"through": walk.get("began"), **kept}
                        if following > last
                        else {**state, **kept, "walk": {**walk, "next": _name(following)}}
                    )
                yield page
        except (BrokenAnswer, TooLarge) as fault:
            if asked == 1 or isinstance(fault, CutAnswer):
                raise
            hours = asked // 2
            context.warn(
                f"{asked} hours from {_name(hour)} are too many ({fault.value}); {hours} are asked for at a time"
            )
            continue
        hour += timedelta(hours=asked)


def _last_of(page: Page) -> str:
    return page.part.interaction_id if page.part else max(page.replaced["events"])


# --- some hours


class TooLarge(RequestRefused):
    """An archive that Amplitude does not make, for its size."""


def _archive(context: Context, first: datetime, hours: int) -> Any:
    """The archive of some hours, None where Amplitude holds nothing of them."""
    last = first + timedelta(hours=hours - 1)
    return context.api.spooled(
        PATH,
        {"start": f"{first:%Y%m%dT%H}", "end": f"{last:%Y%m%dT%H}"},
        decode=_opened,
        budget="export",
        media_type=MEDIA_TYPE,
        absent=(404,),
        # what takes too long for many hours may not for fewer
        attempts=HASTY_ATTEMPTS if hours > 1 else None,
    )


def _opened(file: BinaryIO) -> ZipFile:
    """The archive, once all of it has proved whole.

    Raises:
        ValueError: It is cut or broken.
    """
    try:
        archive = ZipFile(file)
        broken = archive.testzip()
    except (BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise ValueError(f"no archive: {error}") from None
    if broken is not None:
        raise ValueError(f"{broken} is broken")
    return archive


def _window(context: Context, first: datetime, hours: int) -> Iterator[Page]:
    what = f"the export of {hours} h from {_name(first)}"
    return periods.believed(context, "events", what, partial(_pages, context, first, hours))


def _pages(context: Context, first: datetime, hours: int) -> Iterator[Page]:
    """The hours of a window; one that the archive does not hold stated nothing."""
    try:
        with _archive(context, first, hours) as archive:
            files = _files(archive, first, hours)
            reader = _Reader(context)
            stated = ((name, reader.events(archive, name, files.get(name, []))) for name in _names(first, hours))
            yield from periods.in_pages("events", stated, reader.taken)
    except RequestRefused as refusal:
        if refusal.status == 400:
            raise TooLarge(
                f"{context.source.name}: an hour is more than Amplitude exports",
                f"400 for {_name(first)}",
                "Exports of more than 4 GB are refused; load such a project from its export to S3.",
                status=400,
                body=refusal.body,
            ) from None
        raise


def _names(first: datetime, hours: int) -> list[str]:
    return [_name(first + timedelta(hours=number)) for number in range(hours)]


def _files(archive: ZipFile | None, first: datetime, hours: int) -> dict[str, list[str]]:
    """The archive's files, by hour.

    Raises:
        SourceError: A file is none of an hour that was asked for: its events would be attributed to no hour.
    """
    found: dict[str, list[str]] = {name: [] for name in _names(first, hours)}
    for name in sorted(archive.namelist()) if archive else []:
        if name.endswith("/"):
            continue
        match = _FILE.search(name)
        hour = match and f"{match[1]}T{int(match[2]):02}"
        if hour not in found:
            raise SourceError(
                "Amplitude's archive holds a file that is of no hour asked for",
                name,
                "Report it with the name of the file.",
            )
        found[hour].append(name)
    return found


class _Reader:
    """Events out of the files of an archive; a line that is none is kept apart."""

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._refused: list[Refused] = []

    def taken(self) -> list[Refused]:
        """What was refused since this was last asked."""
        refused, self._refused = self._refused, []
        return refused

    def events(self, archive: ZipFile | None, hour: str, names: list[str]) -> Iterator[Record]:
        """The events of an hour.

        Raises:
            CutAnswer: A packed file ends before its time.
        """
        for name in names:
            try:
                with archive.open(name) as packed, gzip.open(packed) as lines:
                    while line := lines.readline(LONGEST_LINE):
                        found = record_of(self._api, line)
                        if found is not None and isinstance(found.get("event_type"), str):
                            yield Placed(found, event_id(found), hour)
                        elif line.strip():
                            self._refused.append(no_event("events", "Amplitude", [line.rstrip(b"\n")]))
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise CutAnswer(f"the export of {hour} is broken ({name}: {error})", hour, "Run it again.") from None


def event_id(record: Record) -> str | None:
    """Digest of what makes two statements the same event: who, and the id that the sender gave it, else Amplitude's own.

    Amplitude itself tells copies so, by device and insert id, and for seven days only.
    """
    given = record.get("$insert_id")
    if given is None:
        return record.get("uuid")
    who = record.get("device_id") or record.get("user_id") or record.get("amplitude_id")
    return hashlib.md5(json.dumps((who, given)).encode(), usedforsecurity=False).hexdigest()
