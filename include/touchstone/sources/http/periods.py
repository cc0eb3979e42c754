"""Exports by period (days, hours): each period is stated in full, and what it states replaces what was held of it.

Product analytics show events late, delete some, and state their whole past in files. So a walk goes from period to period, and the
last ones are read again by every run. The interaction_id of a row is the name of the period that stated it; names sort by time.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta

from touchstone.sources.characters import decoded, storable
from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import CutAnswer
from touchstone.sources.http.streams import Context, Page, Part, Record, State, Window
from touchstone.sources.reasons import kept_payload

log = logging.getLogger(__name__)

PART_RECORDS = 10_000
ATTEMPTS = 5
FIRST_PAUSE = 1.0

Refused = tuple[str, str, str, str, str]
Period = tuple[str, Iterable[Record]]


# --- which days


def interval(window: Window) -> State:
    """A walk over the days of a backfill."""
    first, last = window.interval
    return {"walk": {"next": first.isoformat(), "last": last.isoformat()}}


def walk_days(
    state: State, *, start: date, today: date, trailing: int, pages_of: Callable[[date], Iterator[Page]]
) -> Iterator[Page]:
    """Days in their order up to today; the next run begins some days before the day on which this walk began.

    What a walk read before it was stopped may have become stale when it goes on: the day that counts is that of its beginning.

    Args:
        trailing: Days before that one which the next run reads again.
        pages_of: The pages of a day; the last one gets the state.
    """
    walk = state.get("walk")
    if walk is None:
        through = state.get("through")
        first = start if through is None else max(start, date.fromisoformat(through) - timedelta(days=trailing))
        walk = {"next": first.isoformat(), "began": today.isoformat()}
    last = min(today, date.fromisoformat(walk.get("last", today.isoformat())))
    day = date.fromisoformat(walk["next"])
    while day <= last:
        following = day + timedelta(days=1)
        for page in pages_of(day):
            if ends_periods(page):
                page.state = (
                    {"through": walk.get("began")}
                    if day == last
                    else {**state, "walk": {**walk, "next": following.isoformat()}}
                )
            yield page
        day = following


# --- pages


def ends_periods(page: Page) -> bool:
    """Whether all that the page's periods state has landed with it."""
    return page.part is None or page.part.is_last


def in_pages(stream: str, periods: Iterable[Period], refused: Callable[[], list[Refused]] = list) -> Iterator[Page]:
    """Pages of whole periods: several small ones on a page, a large one over several.

    Args:
        periods: Names, ascending, each with its records; read one after the other.
        refused: What was refused since this was last asked.
    """
    records: list[Record] = []
    names: set[str] = set()
    for name, stated in periods:
        own: list[Record] = []
        is_first = True
        for record in stated:
            if len(own) == PART_RECORDS:
                if names:
                    yield Page({stream: records}, None, replaced={stream: names})
                    records, names = [], set()
                yield Page(
                    {stream: own}, None, refused=refused(), part=Part(stream, name, is_first=is_first, is_last=False)
                )
                own, is_first = [], False
            own.append(record)
        if not is_first:
            yield Page({stream: own}, None, refused=refused(), part=Part(stream, name, is_first=False, is_last=True))
            continue
        if names and len(records) + len(own) > PART_RECORDS:
            yield Page({stream: records}, None, replaced={stream: names})
            records, names = [], set()
        records += own
        names.add(name)
    if names:
        yield Page({stream: records}, None, replaced={stream: names}, refused=refused())


def believed(context: Context, stream: str, what: str, read: Callable[[], Iterator[Page]]) -> Iterator[Page]:
    """The pages of an export, from its beginning again where its body was cut.

    A period that states fewer records than are held of it is believed when it does so twice: a body may end early without a word.
    Whatever follows such a period is only counted then, so that one more reading is enough for all of them.

    Args:
        what: The export, for messages.
        read: Asks for it and yields its pages.

    Raises:
        CutAnswer: It failed as often as it is asked for.
    """
    held: dict[str, int] = {}
    smaller: dict[str, int] = {}
    for attempt in range(1, ATTEMPTS + 1):
        counts: Counter[str] = Counter()
        doubt = None
        try:
            for page in read():
                names = page.replaced.get(stream, set()) if page.part is None else {page.part.interaction_id}
                stated = {record.row_id: record.interaction_id for record in page.records[stream]}
                counts.update(name for name in stated.values() if name is not None)
                for name in sorted(names) if ends_periods(page) else ():
                    if name not in held:
                        held[name] = context.rows.count(stream, name)
                    if counts[name] < held[name] and counts[name] != smaller.get(name):
                        smaller[name] = counts[name]
                        doubt = f"{what} states {counts[name]} of the {held[name]} records held of {name}"
                if doubt is None:
                    yield page
            if doubt is not None:
                raise CutAnswer(doubt)
            return
        except CutAnswer as fault:
            if attempt == ATTEMPTS:
                raise CutAnswer(
                    f"{context.source.name}: {what} failed {ATTEMPTS} times", fault.thing, "Run it again."
                ) from None
            pause = FIRST_PAUSE * 2 ** (attempt - 1)
            log.warning("%s: %s; again in %.1f s", context.source.name, fault.thing, pause)
            time.sleep(pause)


# --- lines of JSON


def record_of(api: ApiClient, body: bytes) -> Record | None:
    """The JSON object that a line holds, with storable characters; None for everything else."""
    try:
        try:
            value, count = decoded(body)
        except ValueError:
            # a raw line break within a text
            value, count = storable(json.loads(body.decode(), strict=False))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    api.traffic.replaced_characters += count
    return value


def no_event(stream: str, vendor: str, lines: Iterable[bytes]) -> Refused:
    """What is told of lines that belong to no event."""
    return (
        stream,
        "json_malformed",
        "is not an event in JSON",
        f"Report it to {vendor}; the event lands by itself once it is stated correctly.",
        kept_payload(b"\n".join(lines)),
    )
