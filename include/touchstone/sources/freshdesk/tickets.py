"""Freshdesk's tickets: the list in the order of last changes, what was deleted or is spam, and what is gone for good.

The list shows 300 pages, and its pages shift while tickets change. So no page is counted where that can be avoided: each request
asks for what changed since the last ticket of the page before, a second earlier, since nothing says whether that bound counts
itself. Only where one second holds more than a page are pages counted, and such a second is read until nothing new shows.

Deleted tickets and spam are in lists of their own, and moving there changes no date: those lists are read whole in every run. A
ticket that has left them was restored, or deleted for good, which only its own address tells.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from touchstone.sources.freshdesk.moments import iso, midnight, moment, updated
from touchstone.sources.freshdesk.source import Freshdesk
from touchstone.sources.http.faults import NoProgress, RequestRefused
from touchstone.sources.http.streams import Context, Page, Record, State, Stream, Window

PATH = "/api/v2/tickets"
PER_PAGE = 100
PAGE_LIMIT = 300
TOGETHER = 25
BORDER = timedelta(seconds=1)
OVERLAP = timedelta(minutes=5)
MOVED = 301
INCLUDED = "description,requester,stats"
# neither text nor person: what a deleted ticket is still counted by
KEPT = ("id", "created_at", "updated_at", "status", "priority", "source", "type", "company_id", "group_id", "spam")


def streams() -> list[Stream]:
    """The walks over tickets, in their order."""
    return [
        Stream("tickets", _changed, backfill=_interval),
        Stream("hidden_tickets", _hidden),
        Stream("all_tickets", _compared),
    ]


def _interval(window: Window) -> State:
    first, last = window.interval
    return {"since": iso(midnight(first)), "until": iso(midnight(last + timedelta(days=1)))}


@dataclass
class Listed:
    """A page of the list.

    Attributes:
        since: What changed later than this, and before `until`, is on the pages of this bound so far.
        until: When the last ticket of the page changed; None where nothing follows.
        following: Bound of the next page.
        ids: Tickets of all pages of this bound so far.
    """

    records: list[Record]
    since: datetime
    until: datetime | None
    following: datetime
    ids: set[str]

    @property
    def is_last(self) -> bool:
        return self.until is None


def listed(context: Context, since: datetime, **asked: str) -> Iterator[Listed]:
    """The list from a moment on, in the order of last changes.

    Args:
        asked: Further parameters, such as the filter.

    Raises:
        NoProgress: So many tickets were last changed in one second that Freshdesk does not show them all.
    """
    page, ids, has_news = 1, set[str](), False
    while True:
        records, following = _page(context, since, page, asked)
        known = len(ids)
        ids |= {str(record.get("id")) for record in records}
        has_news |= len(ids) > known
        newest = max([since, *(found for record in records if (found := updated(record)))])
        step = newest - BORDER
        is_left = following is None or step > since
        if is_left and page > 1 and has_news:
            # pages of a second shift when one of its tickets changes: what slipped through shows when they are read again
            yield Listed(records, since, since, since, ids)
            page, has_news = 1, False
            continue
        following_since = step if step > since else since
        yield Listed(records, since, None if following is None else newest, following_since, ids)
        if following is None:
            return
        if is_left:
            since, page, ids, has_news = step, 1, set(), False
        else:
            page += 1


def beginning(context: Context) -> datetime:
    """The bound from which on tickets are of interest."""
    return context.window.start - BORDER


def _page(context: Context, since: datetime, page: int, asked: dict[str, str]) -> tuple[list[Record], str | None]:
    # without updated_since only what was created in the last 30 days comes back
    parameters = {
        "updated_since": iso(since),
        "order_by": "updated_at",
        "order_type": "asc",
        "include": INCLUDED,
        "per_page": PER_PAGE,
        "page": page,
        **asked,
    }
    refused = f"{context.api.name}: more tickets were last changed at {iso(since)} than Freshdesk lists"
    remedy = "Change some of them in Freshdesk, such as by a tag, and run it again: they then come with another time."
    if page > PAGE_LIMIT:
        raise NoProgress(refused, f"{PAGE_LIMIT} pages of {PER_PAGE}", remedy)
    try:
        return context.api.page(PATH, parameters, budget="tickets")
    except RequestRefused as error:
        if error.status == 400 and page > 1:
            raise NoProgress(refused, f"page {page} is refused: {error.body}", remedy) from None
        raise


def _changed(context: Context, state: State) -> Iterator[Page]:
    """Tickets that changed since the last one that was seen, some minutes of overlap included.

    Its state:
        since: Where the list is read on.
        until: End of a backfill's interval.
    """
    since = moment(state.get("since")) or beginning(context)
    until = moment(state.get("until"))
    newest = since
    for page in listed(context, since):
        newest = max([newest, *(found for record in page.records if (found := updated(record)))])
        reached = max(since, newest - OVERLAP) if page.is_last else page.following
        yield Page({"tickets": page.records}, {**state, "since": iso(reached)})
        if until is not None and page.following >= until:
            return


# --- deleted tickets and spam


def _hidden(context: Context, state: State) -> Iterator[Page]:
    """The lists of deleted tickets and of spam, whole; a walk that was stopped begins again.

    What left them is known by what is held: also a reading that was stopped has marked the tickets that it found there.

    Its state:
        read: When they were last read to their end.
    """
    found: dict[str, set[str]] = {"deleted": set(), "spam": set()}
    for name, ids in found.items():
        for page in listed(context, beginning(context), filter=name):
            ids |= {str(record.get("id")) for record in page.records}
            yield Page({"tickets": _marked(context, page.records, name, found)}, None)
    left = _left(context, found["deleted"] | found["spam"])
    for start in range(0, len(left), TOGETHER):
        yield _asked_for(context, left[start : start + TOGETHER])
    yield Page({}, {"read": iso(context.window.now)})


def _left(context: Context, found: set[str]) -> list[str]:
    """Tickets that are held as deleted or as spam, and that no list shows as such any more."""
    fields = ("updated_at", "isDeletedForGood", "archived", "deleted", "spam")
    left = []
    for one, changed, is_gone, is_archived, *marks in context.rows.told("tickets", 0, fields):
        last = moment(changed)
        # the lists begin where the instance does
        is_listed = last is not None and last > beginning(context)
        if is_listed and "true" in marks and "true" not in (is_gone, is_archived) and one not in found:
            left.append(one)
    return sorted(left)


def _marked(context: Context, records: list[Record], name: str, found: dict[str, set[str]]) -> list[Record]:
    """Tickets of a list with what being there means, which they do not say themselves; and since when that is known."""
    if name == "spam":
        return [{**record, "spam": True} for record in records if str(record.get("id")) not in found["deleted"]]
    held = context.rows.payloads("tickets", [str(record.get("id")) for record in records])
    return [_deleted(context, held.get(str(record.get("id")), {}), record) for record in records]


def _deleted(context: Context, held: Record, record: Record) -> Record:
    found = held.get("deleted_found_at") if held.get("deleted") is True else None
    return {**record, "deleted": True, "deleted_found_at": found or iso(context.window.now)}


def _asked_for(context: Context, ids: list[str]) -> Page:
    """Tickets by their own address; what is gone for good takes the place of what is held, without its content."""
    held = context.rows.payloads("tickets", ids)
    page = Page({"tickets": [], "conversations": []}, None, {"conversations": set()})
    for one, record in held.items():
        try:
            answer: Any = context.api.get(f"{PATH}/{one}", {"include": "requester,stats"}, absent=(404,))
        except RequestRefused as error:
            if error.status != MOVED:
                raise
            # an archived ticket has another address, and is as it was
            page.records["tickets"].append({**record, "archived": True})
            continue
        if answer is None:
            if record.get("isDeletedForGood") is True:
                continue
            context.count_deleted("tickets", 1)
            kept = {name: record[name] for name in KEPT if name in record}
            page.records["tickets"].append(_deleted(context, record, kept | {"isDeletedForGood": True}))
            page.replaced["conversations"].add(one)
        else:
            is_deleted = answer.get("deleted") is True
            page.records["tickets"].append(_deleted(context, record, answer) if is_deleted else answer)
    return page


# --- what is gone for good


def is_due(context: Context, read: str | None) -> bool:
    """Whether lists are to be read whole again, which were last so at that time."""
    last = moment(read)
    every = timedelta(days=context.source.options(Freshdesk).full_read_days)
    return last is None or context.window.now - last >= every


def _compared(context: Context, state: State) -> Iterator[Page]:
    """The whole list beside what is held: a ticket that should be on a page and is not has changed meanwhile, or is gone for good.

    Its state:
        read: When the last reading began.
        began, since: The same of the one under way, and how far it is.
    """
    if not state:  # what is held was read just now
        yield Page({}, {"read": iso(context.window.now)})
        return
    if "began" not in state and not is_due(context, state.get("read")):
        return
    began = state.get("began", iso(context.window.now))
    held = _Held(context)
    for listing in listed(context, moment(state.get("since")) or beginning(context)):
        page = _asked_for(context, held.lacking(listing))
        page.records["tickets"] = [*listing.records, *page.records["tickets"]]
        under_way = {**state, "began": began, "since": iso(listing.following)}
        page.state = {"read": began} if listing.is_last else under_way
        yield page


class _Held:
    """Tickets that are held and should be listed, in the order of their last changes."""

    def __init__(self, context: Context) -> None:
        found: list[tuple[int, int]] = []
        for one, changed, *hidden in context.rows.told("tickets", 0, ("updated_at", "deleted", "spam", "archived")):
            last = moment(changed)
            if last is not None and one is not None and one.isdigit() and "true" not in hidden:
                found.append((int(last.timestamp()), int(one)))
        found.sort()
        self._seconds = array("q", (second for second, _ in found))
        self._ids = array("q", (one for _, one in found))

    def lacking(self, page: Listed) -> list[str]:
        """Ids that should have been on the pages of this bound."""
        start = bisect_right(self._seconds, int(page.since.timestamp()))
        stop = len(self._seconds) if page.is_last else bisect_left(self._seconds, int(page.until.timestamp()))
        return [text for one in self._ids[start:stop] if (text := str(one)) not in page.ids]
