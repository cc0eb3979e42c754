"""Zendesk's two dialects of incremental export: by cursor, and by time with its repeated rows at page borders."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from touchstone.sandbox.api.calls import Answer, Call, Refusal, html, integer
from touchstone.sandbox.api.clock import seconds
from touchstone.sandbox.api.timeline import Entry, Timeline

PER_PAGE = 1000
WITHHELD = 60

TOO_RECENT = {
    "error": "StartTimeTooRecent",
    "description": "Too recent start_time. Use a start_time older than 60 seconds",
}


def last_second(call: Call) -> int:
    """The last second that an export shows; it lies so far back that nothing is added to it any more."""
    return seconds(call.now) - max(WITHHELD, call.traps.late_visible_seconds)


def per_page(call: Call) -> int:
    """Rows per page; above what the server manages in time it answers 504 with a page of its proxy."""
    wanted = integer(call, "per_page")
    if "per_page" in call.query and (wanted is None or wanted < 1):
        raise Refusal(_invalid("per_page", "must be a positive integer"))
    wanted = min(wanted or PER_PAGE, PER_PAGE)
    if call.traps.page_timeout_above is not None and wanted > call.traps.page_timeout_above:
        raise Refusal(html(504, "504 Gateway Time-out"))
    return wanted


def start_time(call: Call) -> int:
    given = integer(call, "start_time")
    if given is None:
        raise Refusal(_invalid("start_time", "is required and must be a unix time"))
    if given > seconds(call.now) - WITHHELD:
        raise Refusal(Answer(TOO_RECENT, 422))
    return given


def by_cursor(
    call: Call,
    path: str,
    timeline: Timeline,
    key: str,
    build: Callable[[list[Entry]], dict[str, Any]],
    keep: np.ndarray | None = None,
) -> Answer:
    """A page of an export by cursor.

    Args:
        build: Makes the content of the page, `key` and side-loads, of its entries.
    """
    limit = per_page(call)
    token = call.query.get("cursor")
    after = _opened(token) if token is not None else (start_time(call) - 1, 2**62)
    entries = timeline.page(call.micros, last_second(call), limit + 1, after=after, keep=keep)
    has_more = len(entries) > limit
    entries = entries[:limit]
    if call.traps.same_next_page:
        has_more, cursor = True, token or _sealed(*after)
    elif entries:
        second, record = entries[-1]
        cursor = _sealed(second, int(timeline.ids[record]))
    else:
        cursor = token or _sealed(*after)
    query = {name: value for name, value in call.query.items() if name not in ("cursor", "start_time")}
    content = build(entries) | {
        "after_url": call.url(path, cursor=cursor, **query),
        "after_cursor": cursor,
        "before_url": None,
        "before_cursor": None,
        "end_of_stream": not has_more,
    }
    return Answer(_without_end(call, content))


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows `first` to `last` (exclusive) of a sorted stream, and whether nothing follows."""

    first: int
    last: int
    is_end: bool


def slice_by_time(times: Sequence[int] | np.ndarray, start: int, limit: int) -> Slice:
    """A page of a stream that is asked for by time.

    A page holds `limit` rows and all further ones of its last second, since the next page can only begin with a second. It
    goes beyond the second at which it began, for the next request would otherwise be the same.
    """
    first = int(np.searchsorted(times, start, "left"))
    end = len(times)
    last = min(first + limit, end)
    if last > first:
        last = int(np.searchsorted(times, times[last - 1], "right"))
        if last < end and times[last - 1] == start:
            last = int(np.searchsorted(times, times[min(last + limit, end) - 1], "right"))
    return Slice(first, last, last >= end)


def by_time(
    call: Call,
    path: str,
    key: str,
    times: np.ndarray | Sequence[int],
    build: Callable[[int, int], list[dict[str, Any]]],
    *,
    ends_silently: bool = False,
) -> Answer:
    """A page of an export by time.

    Args:
        times: Seconds of all rows that may show, ascending.
        build: Makes the rows of a range of positions.
        ends_silently: The end is told by a `next_page` of null, as the help centre does, not by `end_of_stream`.
    """
    limit = per_page(call)
    start = start_time(call)
    page = slice_by_time(times, start, limit)
    rows = build(page.first, page.last)
    is_end = page.is_end
    end = int(times[page.last - 1]) if rows else None
    if call.traps.same_next_page:
        is_end, end = False, start
    query = {name: value for name, value in call.query.items() if name != "start_time"}
    following = call.url(path, start_time=end, **query) if end is not None else None
    content = {key: rows, "count": len(rows), "end_time": end}
    if ends_silently:
        return Answer(content | {"next_page": None if is_end else following})
    return Answer(_without_end(call, content | {"next_page": following, "end_of_stream": is_end}))


def records_by_time(
    call: Call,
    path: str,
    timeline: Timeline,
    key: str,
    build: Callable[[list[Entry]], list[dict[str, Any]]],
    keep: np.ndarray | None = None,
    *,
    ends_silently: bool = False,
) -> Answer:
    """A page by time of records that move to the end whenever they change."""
    entries = timeline.page(
        call.micros, last_second(call), len(timeline), since=max(0, integer(call, "start_time") or 0), keep=keep
    )
    times = [second for second, _ in entries]
    return by_time(call, path, key, times, lambda first, last: build(entries[first:last]), ends_silently=ends_silently)


def _without_end(call: Call, content: dict[str, Any]) -> dict[str, Any]:
    if call.traps.end_of_stream_missing:
        del content["end_of_stream"]
    return content


def _sealed(second: int, record_id: int) -> str:
    return base64.b64encode(f"{second}.0||{record_id}".encode()).decode()


def _opened(token: str) -> tuple[int, int]:
    try:
        second, _, record_id = base64.b64decode(token, validate=True).decode().partition(".0||")
        return int(second), int(record_id)
    except (binascii.Error, ValueError):
        raise Refusal(_invalid("cursor", "is not valid")) from None


def _invalid(name: str, why: str) -> Answer:
    return Answer({"error": {"title": "Invalid attribute", "message": f"{name} {why}"}}, 400)


def listed(
    call: Call, path: str, key: str, rows: Sequence[Any], row_id: Callable[[Any], int]
) -> tuple[list[Any], dict]:
    """A page of a plain list, by cursor (`page[size]`, `page[after]`) or by number (`page`, `per_page`), at most 100 rows.

    Args:
        rows: Ascending by `row_id`.

    Returns:
        The rows of the page, and what the envelope says beside them.
    """
    if "page[size]" not in call.query and "page[after]" not in call.query:
        number = max(1, integer(call, "page") or 1)
        size = min(100, max(1, integer(call, "per_page") or 100))
        first = (number - 1) * size
        if first + size > 10_000:
            raise Refusal(_invalid("page", "reaches beyond 10,000 records; use cursor pagination"))
        following = call.url(path, page=number + 1, per_page=size) if first + size < len(rows) else None
        previous = call.url(path, page=number - 1, per_page=size) if number > 1 else None
        envelope = {"count": len(rows), "next_page": following, "previous_page": previous}
        return list(rows[first : first + size]), envelope
    size = min(100, max(1, integer(call, "page[size]") or 100))
    first = 0
    if "page[after]" in call.query:
        first = int(np.searchsorted([row_id(row) for row in rows], opened_id(call.query["page[after]"]), "right"))
    shown = list(rows[first : first + size])
    return shown, cursor_envelope(call, path, shown, first + size < len(rows), row_id)


def cursor_envelope(
    call: Call,
    path: str,
    shown: Sequence[Any],
    has_more: bool,
    row_id: Callable[[Any], int] = itemgetter("id"),
) -> dict[str, Any]:
    """What a list by cursor says beside its rows."""
    after = _sealed(0, row_id(shown[-1])) if shown else call.query.get("page[after]")
    query = {name: value for name, value in call.query.items() if name != "page[after]"}
    following = call.url(path, **query, **{"page[after]": after}) if has_more else None
    return {
        "meta": {"has_more": has_more, "after_cursor": after, "before_cursor": None},
        "links": {"next": following, "prev": None},
    }


def opened_id(token: str) -> int:
    """Id of the last row of the page before, from `page[after]`."""
    return _opened(token)[1]
