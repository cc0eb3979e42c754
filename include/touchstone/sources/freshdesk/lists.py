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
# what a record says of itself that is known to be gone
_MARKS = ("isDeletedForGood", "has_left", "deleted", "archived")

ARTICLES = "/api/v2/solutions/articles"

Gone = Callable[[Context, Record], Record]
Completed = Callable[[Context, list[Record]], list[Record]]


def people() -> list[Stream]:
    """The walks over who takes part; they come before tickets."""
    return [
        _whole("groups", "/api/v2/groups"),
        _whole("agents", "/api/v2/agents", _left, completed=_with_groups),
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


def _with_groups(context: Context, agents: list[Record]) -> list[Record]:
    """Agents with the groups that they are in: where the list does not say it, the groups do."""
    if all(one.get("group_ids") is not None for one in agents):
        return agents
    found: dict[str, list[int | None]] = {}
    for groups, _ in _pages(context, "/api/v2/groups"):
        for group in groups:
            for agent in group.get("agent_ids") or ():
                found.setdefault(str(agent), []).append(group.get("id"))
    return [
        one if one.get("group_ids") is not None else {**one, "group_ids": found.get(_id(one), [])} for one in agents
    ]


def _whole(
    name: str, path: str, gone: Gone | None = None, refused: tuple[int, ...] = (), completed: Completed | None = None
) -> Stream:
    """A list that every run reads whole.

    Args:
        gone: What takes the place of a record that is there no more; None: it stays.
        refused: Statuses by which the account says that it has no such list.
        completed: Adds what the list leaves out.
    """

    def walk(context: Context, state: State) -> Iterator[Page]:
        ids: set[str] = set()
        for records, following in _pages(context, path, refused=refused):
            ids |= set(map(_id, records))
            page = Page({name: records}, None if following else {"read": iso(context.window.now)})
            if following is None and gone is not None:
                page.records[name] = [*records, *_missing(context, name, path, ids, gone)]
            if completed is not None:
                page.records[name] = completed(context, page.records[name])
            yield page

    return Stream(name, walk, backfill=lambda window: {})


def _missing(context: Context, name: str, path: str, listed: set[str], gone: Gone) -> list[Record]:
    """What is held and was not listed: as its own address has it, or as what is gone."""
    told = context.rows.told(name, 0, _MARKS)
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
        page: Next page of a reading that was stopped: of the first one, or of changes since `since`. What changed on the pages
            before it since then is found from `newest` on, which such a reading leaves as it was.
    """
    if "read" in state and "page" not in state and is_due(context, state["read"]):
        yield from _all_contacts(context, state)
        return
    newest = moment(state.get("newest"))
    since = moment(state.get("since"))
    goes_on = "page" in state
    if newest and not goes_on:
        since = newest - OVERLAP
    asked = {"_updated_since": iso(since)} if since else {}
    for records, following in _pages(context, "/api/v2/contacts", int(state.get("page", 1)), **asked):
        if not goes_on:
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
            yield from _folders(context, category, f"/api/v2/solutions/categories/{category['id']}/folders", ids)
    if is_refused:
        return
    # an article that moves while pages are read may slip through between two of them
    gone = _missing(context, "articles", ARTICLES, ids, _archived)
    yield Page({"articles": gone}, {"read": iso(context.window.now)})


def _folders(context: Context, category: Record, path: str, ids: set[str]) -> Iterator[Page]:
    """The folders of a list, with their articles and the folders in them."""
    for folders, _ in _pages(context, path):
        # a folder does not say itself whose it is
        yield Page({"folders": [{**one, "category_id": category["id"]} for one in folders]}, None)
        for folder in folders:
            yield from _articles(context, folder, ids)
            if folder.get("sub_folders_count"):
                yield from _folders(context, category, f"/api/v2/solutions/folders/{folder['id']}/subfolders", ids)


def _articles(context: Context, folder: Record, ids: set[str]) -> Iterator[Page]:
    path = f"/api/v2/solutions/folders/{folder['id']}/articles"
    for records, _ in _pages(context, path):
        ids |= set(map(_id, records))
        yield Page({"articles": records}, None)


def _archived(context: Context, held: Record) -> Record:
    """An article that is there no more; what it said stays, where answers cited it."""
    return {**held, "archived": True, "archived_found_at": iso(context.window.now)}
