"""PostHog: product events, by queries in HogQL.

An event may become visible long after its own time, and after the moment at which PostHog says that it came: no time of an event
tells what is new. So every run asks how many events each day has, reads the days of which another number is held, and the last days
in any case; what a day states replaces what was held of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import httpx

from touchstone.sources.config import SourceInstance
from touchstone.sources.http import periods
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.faults import BrokenAnswer, CredentialsError, CutAnswer, PermissionRefused
from touchstone.sources.http.oauth import BearerAuth
from touchstone.sources.http.periods import record_of
from touchstone.sources.http.streams import Context, Page, Placed, RawStream, Record, State, Stream, Ways
from touchstone.sources.posthog.source import PostHog

TRAILING_DAYS = 3
"""Read again by every run, since a merge of persons or a changed address moves no number."""
PAGE_ROWS = 20_000
SMALLEST_PAGE = 1_000
HASTY_ATTEMPTS = 3
MOST_DAYS = 50_000
"""Rows of one answer at most, whatever LIMIT says."""

COLUMNS = {
    "uuid": "toString(uuid)",
    "event": "event",
    "distinct_id": "distinct_id",
    "person_id": "toString(person_id)",
    "person_email": "person.properties.email",
    "properties": "properties",
    "timestamp": "toString(toTimeZone(timestamp, 'UTC'))",
    "created_at": "toString(toTimeZone(created_at, 'UTC'))",
}
# no column is renamed: a name that hides a field would hide it in the conditions, too
_WITHIN = "timestamp >= toDateTime({lower_bound}, 'UTC') AND timestamp < toDateTime({upper_bound}, 'UTC')"
_COUNTED = "substring(toString(toTimeZone(timestamp, 'UTC')), 1, 10) AS day, count(DISTINCT uuid) AS event_count"
COUNTS = f"SELECT {_COUNTED} FROM events WHERE {_WITHIN} GROUP BY day ORDER BY day LIMIT {MOST_DAYS}"  # noqa: S608
_BEYOND = (
    "timestamp > toDateTime({last_time}, 'UTC')"
    " OR (timestamp = toDateTime({last_time}, 'UTC') AND toString(uuid) > {last_uuid})"
)
EVENTS = (
    f"SELECT {', '.join(COLUMNS.values())} FROM events WHERE {_WITHIN} AND ({_BEYOND})"  # noqa: S608
    " ORDER BY timestamp, toString(uuid) LIMIT "
)


def _created(record: Record) -> datetime | None:
    try:
        return datetime.fromisoformat(record["created_at"]).replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError):
        return None


def _version(record: Record) -> int | None:
    created = _created(record)
    return None if created is None else int(created.timestamp() * 1_000_000)


_EVENTS = RawStream(
    "events",
    row_id=lambda record: record.row_id,
    interaction_id=lambda record: record.interaction_id,
    # of two statements of one event the one that came last
    version=_version,
    open_fields=("properties",),
    happened_at=_created,
)


class PosthogConnector:
    """See `touchstone.sources.http.streams.Connector`. The interaction_id of an event's row is its UTC day."""

    name = "posthog"
    budgets: ClassVar[dict[str, Budget]] = {"query": Budget("query", 120, 3600)}
    raw: ClassVar[dict[str, RawStream]] = {"events": _EVENTS}

    def credentials(self, source: SourceInstance) -> Ways:
        return ({"api_key": "personal API key with the scope query:read"},)

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        return {"main": (source.options(PostHog).base_url, BearerAuth(secrets["api_key"]))}

    def explain(self, response: httpx.Response) -> Exception | None:
        if response.status_code == 401:
            return CredentialsError(
                "PostHog does not accept the key",
                "401",
                "Make a personal API key (not the project's), and check that `base_url` is where the project's data resides.",
            )
        if response.status_code in (403, 404):
            return PermissionRefused(
                "PostHog refuses the project",
                response.status_code,
                "Check `project_id`, and give the key the scope query:read of this project.",
            )
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [Stream("events", _walk, backfill=periods.interval)]

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        today = context.window.now.date()
        return [("query of events", partial(_stated, context, today, today))]


# --- queries


def _moment(day: date) -> str:
    return f"{day} 00:00:00.000000"


def _asked(context: Context, query: str, columns: int, attempts: int | None = None, **values: str) -> list[list[Any]]:
    """Rows of a query; `values` stand for its placeholders, so that nothing of an answer becomes a part of its text.

    Raises:
        BrokenAnswer: The answer is none of that query.
    """
    body = {
        "query": {"kind": "HogQLQuery", "query": query, "values": values},
        # the answer to the same query of some minutes ago is none
        "refresh": "force_blocking",
    }
    path = f"/api/projects/{context.source.options(PostHog).project_id}/query/"
    answer = context.api.post(path, body, budget="query", attempts=attempts)
    rows = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or any(not isinstance(row, list) or len(row) != columns for row in rows):
        raise BrokenAnswer(
            f"{context.source.name}: PostHog answers a query without its rows", path, "Run it again later."
        )
    return rows


def _stated(context: Context, first: date, last: date) -> dict[date, int]:
    """How many events each day has; of many days in halves, where that is too much for one answer."""
    within = {"lower_bound": _moment(first), "upper_bound": _moment(last + timedelta(days=1))}
    try:
        rows = _asked(context, COUNTS, 2, HASTY_ATTEMPTS if first < last else None, **within)
    except BrokenAnswer:
        if first == last:
            raise
        middle = first + (last - first) // 2
        return _stated(context, first, middle) | _stated(context, middle + timedelta(days=1), last)
    return {date.fromisoformat(day): int(count) for day, count in rows}


# --- which days


def _walk(context: Context, state: State) -> Iterator[Page]:
    """The days whose number of events is another than what is held, and the last ones.

    Where a walk was stopped is told by these numbers alone: a day that has landed has its own. Some days never do: an event that two
    days state is held of one, and one without an id of none. Such a day is read again only once its number changes.

    Its state:
        through: The newest day that has events.
        differing: The numbers of days that were read in full, and of which another number is held all the same.
    """
    today = context.window.now.date()
    walk, known = state.get("walk"), state.get("differing", {})
    if walk:
        first, last = date.fromisoformat(walk["next"]), min(today, date.fromisoformat(walk["last"]))
        again = first
    else:
        first, last = context.source.options(PostHog).start, today
        through = state.get("through")
        again = last if through is None else date.fromisoformat(through) - timedelta(days=TRAILING_DAYS)
    stated = _stated(context, first, last) if first <= last else {}
    suspects = {}
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        count, held = stated.get(day, 0), context.rows.count("events", day.isoformat())
        if count != held:
            suspects[day.isoformat()] = count
        if (count != held and known.get(day.isoformat()) != count) or (count and day >= again):
            what = f"the events of {day}"
            yield from periods.believed(context, "events", what, partial(_pages, context, day, count))
    # only now: what one day states may have taken an event from another
    differing = {day: count for day, count in suspects.items() if context.rows.count("events", day) != count}
    for _ in differing:
        context.skip("days of which another number of events is held than they state")
    newest = max(stated, default=None)
    yield Page({"events": []}, _finished(newest, differing) if newest else state)


def _finished(newest: date, differing: dict[str, int]) -> State:
    return {"through": newest.isoformat(), **({"differing": differing} if differing else {})}


# --- one day


def _pages(context: Context, day: date, count: int) -> Iterator[Page]:
    name = day.isoformat()
    stated = (Placed(record, record.get("uuid"), name) for record in _events(context, day, count))
    return periods.in_pages("events", [(name, stated)])


def _events(context: Context, day: date, count: int) -> Iterator[Record]:
    """The events of a day in the order of time and uuid, page by page: each begins after the last event of the one before.

    Args:
        count: How many there are: a page may hold fewer than were asked for without being the last.
    """
    within = {"lower_bound": _moment(day), "upper_bound": _moment(day + timedelta(days=1))}
    last_time, last_uuid = within["lower_bound"], ""
    limit, found = PAGE_ROWS, 0
    while True:
        try:
            attempts = HASTY_ATTEMPTS if limit > SMALLEST_PAGE else None
            rows = _asked(
                context, f"{EVENTS}{limit}", len(COLUMNS), attempts, **within, last_time=last_time, last_uuid=last_uuid
            )
        except BrokenAnswer:
            if limit <= SMALLEST_PAGE:
                raise
            limit = max(SMALLEST_PAGE, limit // 2)
            continue
        for row in rows:
            record = dict(zip(COLUMNS, row, strict=True))
            # copies of one event stand side by side
            found += (record["timestamp"], record["uuid"]) != (last_time, last_uuid)
            last_time, last_uuid = record["timestamp"], record["uuid"]
            yield _opened(context, record)
        if found >= count and len(rows) < limit:
            return
        if not rows:
            raise CutAnswer(f"the events of {day} are {found} of {count}")


def _opened(context: Context, record: Record) -> Record:
    """The event with its properties, which come as text."""
    if isinstance(record["properties"], str):
        properties = record_of(context.api, record["properties"].encode())
        if properties is not None:
            record["properties"] = properties
    return record
