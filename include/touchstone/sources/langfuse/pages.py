"""The two ways in which Langfuse's API pages: by cursor (versions 2 and 3 of its endpoints), and by number (the older ones)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from touchstone.sources.http.faults import NoProgress, RequestRefused
from touchstone.sources.http.streams import Context, Page, Record, State

DAY = timedelta(days=1)
READINGS = 4
RecordsOf = Callable[[list[Record]], dict[str, list[Record]]]
Begun = Callable[[Record], datetime | None]


def by_cursor(
    context: Context,
    state: State,
    path: str,
    params: dict[str, Any],
    bounds: tuple[str, str],
    *,
    first: datetime,
    back: timedelta,
    begun: Begun,
    records_of: RecordsOf,
) -> Iterator[Page]:
    """All records since some time before the newest known one, newest first: what arrives meanwhile is the next run's.

    Its state:
        newest: The newest moment that an answer of a finished walk stated.
        walk: Where a walk that was stopped goes on: since, until (of a backfill), cursor, newest.

    Raises:
        NoProgress: A page names itself as the next.
        RequestRefused: As said by the API; a cursor of an earlier run that it knows no more is given up once.
    """
    walk = dict(state.get("walk") or {"since": _since(state, first, back).isoformat()})
    newest = walk.get("newest") or state.get("newest")
    kept = walk.get("cursor")
    while True:
        cursor = walk.get("cursor")
        asked = {**params, bounds[0]: walk["since"]}
        if "until" in walk:
            asked[bounds[1]] = walk["until"]
        if cursor:
            asked["cursor"] = cursor
        try:
            answer = context.api.get(path, asked)
        except RequestRefused as refused:
            if kept is None or cursor != kept or refused.status != 400:
                raise
            # a cursor of an earlier version, or one that is known no more: what it led to is read again
            context.warn(f"{path} knows its cursor no more; its walk begins again")
            del walk["cursor"]
            kept = None
            continue
        records = answer["data"]
        newest = _newest(context, newest, records, begun)
        following = (answer.get("meta") or {}).get("cursor")
        if not following:
            yield Page(records_of(records), {"newest": newest} if newest else {})
            return
        if following == cursor:
            raise NoProgress(
                f"{context.api.name}: {path} stands still", cursor, "The API repeats its page; run it again."
            )
        walk = {**walk, "cursor": following, "newest": newest}
        yield Page(records_of(records), _with_newest(state, walk))


def by_day(
    context: Context,
    state: State,
    path: str,
    params: dict[str, Any],
    bounds: tuple[str, str],
    *,
    first: datetime,
    back: timedelta,
    begun: Begun,
    records_of: RecordsOf,
) -> Iterator[Page]:
    """One UTC day after the other, page after page; the last day is open at its end.

    Its state:
        newest: The newest moment that an answer of a finished walk stated, at most that of its beginning: what a walk read before
            it was stopped may have become stale when it goes on.
        walk: Where a walk that was stopped goes on: day, last (of a backfill), page, seen and most (see `_readings`), newest,
            began.

    Raises:
        NoProgress: See `_readings`.
    """
    walk = dict(state.get("walk") or {"day": _since(state, first, back).date().isoformat()})
    newest = walk.get("newest") or state.get("newest")
    today = context.window.now.astimezone(UTC).date()
    last = date.fromisoformat(walk["last"]) if "last" in walk else today
    day = min(date.fromisoformat(walk["day"]), last)
    kept = {"began": walk.get("began") or context.window.now.isoformat()}
    if "last" in walk:
        kept["last"] = walk["last"]
    while True:
        asked = {**params, bounds[0]: _midnight(day), **({bounds[1]: _midnight(day + DAY)} if day < today else {})}
        for records, place in _readings(context, path, day, asked, walk):
            newest = _newest(context, newest, records, begun)
            if place is None and day == last:
                yield Page(records_of(records), _finished(newest, kept["began"]))
                return
            following = {"day": (day + DAY).isoformat()} if place is None else {"day": day.isoformat(), **place}
            yield Page(records_of(records), _with_newest(state, {**kept, **following, "newest": newest}))
        day, walk = day + DAY, {}


def _readings(
    context: Context, path: str, day: date, asked: dict[str, Any], walk: State
) -> Iterator[tuple[list[Record], State | None]]:
    """The pages of a day, each with where the day goes on after it, None once it is read.

    Records that arrive or leave meanwhile move the others over its page borders: a day of which fewer were seen than it is said to
    hold is read again, until it holds as many, or holds the same ones as before: then what it says is wrong.

    Where it goes on: page, seen and most (records of the day so far, and how many it is said to hold).

    Raises:
        NoProgress: It holds fewer records than it says, and others in every reading.
    """
    first_page, before, most = int(walk.get("page", 1)), int(walk.get("seen", 0)), int(walk.get("most", 0))
    held: set[tuple[Any, Any]] | None = None
    for _ in range(READINGS):
        seen: set[tuple[Any, Any]] = set()
        for number, records, meta in _numbered(context, path, asked, first_page):
            seen |= {_identity(one, f"{number}/{place}") for place, one in enumerate(records)}
            # one that left behind the reader's back took its place, but not what moved into it
            most, count = max(most, int(meta["totalItems"])), before + len(seen)
            if number < int(meta["totalPages"]):
                yield records, {"page": number + 1, "seen": count, "most": most}
                continue
            is_same = first_page == 1 and seen == held
            if count < most and is_same:
                context.warn(f"{path} of {day} says that it holds {most} records, and holds the same {count} twice")
            yield records, None if count >= most or is_same else {}
            if count >= most or is_same:
                return
        held = seen if first_page == 1 else None
        first_page, before, most = 1, 0, 0
    raise NoProgress(
        f"{context.api.name}: {path} of {day} states fewer records than it says",
        f"{count} of {int(meta['totalItems'])}",
        "Run it again later.",
    )


def _numbered(
    context: Context, path: str, asked: dict[str, Any], number: int
) -> Iterator[tuple[int, list[Record], dict[str, Any]]]:
    """The pages from a number on: (number, records, meta)."""
    while True:
        answer = context.api.get(path, {**asked, "page": number})
        yield number, answer["data"], answer["meta"]
        if number >= int(answer["meta"]["totalPages"]):
            return
        number += 1


def _identity(record: Any, place: str) -> tuple[Any, Any]:
    """What tells two records apart: an observation's id is unique in its trace alone. What has no id is known by its place."""
    own = record.get("id") if isinstance(record, dict) else None
    return (None, place) if own is None else (record.get("traceId"), own)


def _since(state: State, first: datetime, back: timedelta) -> datetime:
    if not state.get("newest"):
        return first
    return max(first, datetime.fromisoformat(state["newest"]) - back)


def _newest(context: Context, newest: str | None, records: list[Record], begun: Begun) -> str | None:
    """The newest moment so far; one that is yet to come is of a clock that is wrong, and says nothing of what follows."""
    moments = [found for one in records if isinstance(one, dict) and (found := begun(one)) is not None]
    moments = [found for found in moments if found <= context.window.now]
    if newest:
        moments.append(datetime.fromisoformat(newest))
    return max(moments).isoformat() if moments else None


def _finished(newest: str | None, began: str) -> State:
    return {"newest": min(newest, began, key=datetime.fromisoformat)} if newest else {}


def _with_newest(state: State, walk: State) -> State:
    return {"newest": state["newest"], "walk": walk} if state.get("newest") else {"walk": walk}


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
