"""Freshdesk's other lists: people, companies, groups, fields, surveys, ratings and solutions.

Most are short and read whole in every run; what is held and no longer listed is then asked for by its address, and only what is not
there counts as deleted. Contacts and ratings are asked for by their dates, and read whole every `full_read_days`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from touchstone.sources.freshdesk.moments import iso, midnight, moment, updated
from touchstone.sources.freshdesk.tickets import PER_PAGE, beginning, is_due
from touchstone.sources.http.streams import Context, Page, Record, State, Stream, Window

OVERLAP = timedelta(hours=1)
LATE = timedelta(days=1)  # a rating is stated late, or changed

# what a plan does not hold, or nobody has switched on
_PLAN = (403, 404)

Gone = Callable[[Context, Record], Record]


def people() -> list[Stream]:
    """The walks over who takes part; they come before tickets."""
    return [
        _whole("groups", "/api/v2/groups"),
        _whole("agents", "/api/v2/agents", _left),
        _whole("companies", "/api/v2/companies", _erased),
        Stream("contacts", _contacts),
    ]


def settings() -> list[Stream]:
    return [_whole("ticket_fields", "/api/v2/ticket_fields"), _whole("surveys", "/api/v2/surveys", refused=_PLAN)]


def ratings() -> Stream:
    return Stream("satisfaction_ratings", _ratings, backfill=_interval)


def solutions() -> Stream:
    return Stream("solutions", _solutions)


def _pages(
    context: Context, path: str, number: int = 1, refused: tuple[int, ...] = (), **asked: Any
) -> Iterator[tuple[list[Record], int | None]]:
    """Records, and the number of the next page; nothing where that is refused with one of these statuses."""
    while True:
        records, following = context.api.page(path, {**asked, "per_page": PER_PAGE, "page": number}, absent=refused)
        if records is None:
            context.warn(f"{path} is not to be seen: the plan or the account of the key does not hold it")
            return
        yield records, None if following is None else number + 1
        if following is None:
            return
        number += 1


def _id(record: Record) -> str:
    return str(record.get("id"))


# --- whole lists


def _left(context: Context, held: Record) -> Record:
    """An agent who was taken away, and stays whose messages they are."""
    return {**held, "has_left": True, "left_found_at": held.get("left_found_at") or iso(context.window.now)}


def _erased(context: Context, held: Record) -> Record:
    """Somebody or something of which only its id stays."""
    kept = {name: held[name] for name in ("id", "created_at", "updated_at") if name in held}
    return {**kept, "isDeletedForGood": True, "deleted_found_at": iso(context.window.now)}


def _whole(name: str, path: str, gone: Gone | None = None, refused: tuple[int, ...] = ()) -> Stream:
    """A list that every run reads whole."""

    def walk(context: Context, state: State) -> Iterator[Page]:
        ids: set[str] = set()
        for records, following in _pages(context, path, refused=refused):
            ids |= set(map(_id, records))
            page = Page({name: records}, None if following else {"read": iso(context.window.now)})
            if following is None and gone is not None:
                page.records[name] = [*records, *_missing(context, name, path, ids, gone)]
            yield page

    return Stream(name, walk, backfill=lambda window: {})


def _missing(context: Context, name: str, path: str, listed: set[str], gone: Gone) -> list[Record]:
    """What is held and was not listed: as its own address has it, or as what is gone."""
    told = context.rows.told(name, 0, ("isDeletedForGood", "has_left", "deleted"))
    lacking = [one for one, *marks in told if one not in listed and "true" not in marks]
    records = []
    for one, held in context.rows.payloads(name, lacking).items():
        answer = context.api.get(f"{path}/{one}", absent=(404,))
        if answer is None:
            context.count_deleted(name, 1)
        records.append(gone(context, held) if answer is None else answer)
    return records


# --- contacts


def _contacts(context: Context, state: State) -> Iterator[Page]:
    """Contacts that changed since the newest that was seen; all of them at first, and every so often.

    Its state:
        newest: Latest change that was seen.
        read: When they were last read whole.
        page: Next page of a reading that was stopped: of the first one, or of changes since `since`.
    """
    if "read" in state and "page" not in state and is_due(context, state["read"]):
        yield from _all_contacts(context, state)
        return
    newest = moment(state.get("newest"))
    since = moment(state.get("since"))
    if "page" not in state and newest:
        since = newest - OVERLAP
    asked = {"_updated_since": iso(since)} if since else {}
    for records, following in _pages(context, "/api/v2/contacts", int(state.get("page", 1)), **asked):
        newest = _newest(newest, records)
        done = {"newest": iso(newest)} if newest else {}
        if following:
            done |= {"page": following, **({"since": iso(since)} if since else {})}
        if "read" in state or following is None:
            done["read"] = state.get("read", iso(context.window.now))
        yield Page({"contacts": records}, done)


def _all_contacts(context: Context, state: State) -> Iterator[Page]:
    """The whole list, beside what is held; a reading that was stopped begins again."""
    ids: set[str] = set()
    newest = moment(state.get("newest"))
    for records, following in _pages(context, "/api/v2/contacts"):
        ids |= set(map(_id, records))
        newest = _newest(newest, records)
        page = Page({"contacts": records}, None)
        if following is None:
            page.records["contacts"] = [*records, *_missing(context, "contacts", "/api/v2/contacts", ids, _erased)]
            page.state = {"read": iso(context.window.now), **({"newest": iso(newest)} if newest else {})}
        yield page


def _newest(newest: Any, records: list[Record]) -> Any:
    return max(
        [*([newest] if newest else []), *(found for record in records if (found := updated(record)))], default=None
    )


# --- ratings


def _interval(window: Window) -> State:
    return {"since": iso(midnight(window.interval[0]))}


def _ratings(context: Context, state: State) -> Iterator[Page]:
    """Ratings since the newest that was seen, a day of overlap included; all of them every so often, since one may change.

    Its state:
        newest: When the newest that was seen was made.
        read: When they were last read whole.
        since, page: Where a reading that was stopped goes on.
    """
    newest = moment(state.get("newest"))
    read = state.get("read")
    since = moment(state.get("since"))
    if since is None and (newest is None or is_due(context, read)):
        since, read = beginning(context), iso(context.window.now)
    since = since or newest - LATE
    asked = {"created_since": iso(since)}
    path = "/api/v2/surveys/satisfaction_ratings"
    for records, following in _pages(context, path, int(state.get("page", 1)), _PLAN, **asked):
        made = [found for record in records if (found := moment(record.get("created_at")))]
        newest = max([*([newest] if newest else []), *made], default=None)
        done = {name: value for name, value in (("newest", newest and iso(newest)), ("read", read)) if value}
        yield Page(
            {"satisfaction_ratings": records}, done | ({"since": iso(since), "page": following} if following else {})
        )


# --- solutions


def _solutions(context: Context, state: State) -> Iterator[Page]:
    """Categories, their folders with what those hold, and the articles of each folder; what is no longer there is archived."""
    ids: set[str] = set()
    is_refused = True
    for categories, _ in _pages(context, "/api/v2/solutions/categories", refused=_PLAN):
        is_refused = False
        yield Page({"categories": categories}, None)
        for category in categories:
            for folders, _ in _pages(context, f"/api/v2/solutions/categories/{category['id']}/folders"):
                # a folder does not say itself whose it is
                yield Page({"folders": [{**one, "category_id": category["id"]} for one in folders]}, None)
                for folder in folders:
                    yield from _articles(context, folder, ids)
    if is_refused:
        return
    told = context.rows.told("articles", 0, ("archived",))
    lacking = [one for one, archived in told if one not in ids and archived != "true"]
    found = context.rows.payloads("articles", lacking).values()
    gone = [{**held, "archived": True, "archived_found_at": iso(context.window.now)} for held in found]
    yield Page({"articles": gone}, {"read": iso(context.window.now)})


def _articles(context: Context, folder: Record, ids: set[str]) -> Iterator[Page]:
    path = f"/api/v2/solutions/folders/{folder['id']}/articles"
    for records, _ in _pages(context, path):
        ids |= set(map(_id, records))
        yield Page({"articles": records}, None)
