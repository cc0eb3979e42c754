"""Request Tracker's table of streams, and what its refusals mean.

What happened is read from the one list of all transactions, by their id: a ticket's own `LastUpdated` finds no deleted ticket, and
is compared in the account's time zone. A transaction may show after others of higher ids, since it counts from when it began: the
last quarter of an hour is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import httpx

from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.faults import CredentialsError, PermissionRefused
from touchstone.sources.http.streams import Context, Page, Placed, RawStream, Record, State, Stream, Ways, Window
from touchstone.sources.rt import tickets
from touchstone.sources.rt.lists import (
    PERSON,
    REST,
    Condition,
    by_id,
    column_time,
    conditions,
    first_id,
    last_change,
    moment_of,
    text_id,
)
from touchstone.sources.rt.messages import MESSAGES, texts
from touchstone.sources.rt.source import RequestTracker

OVERLAP = timedelta(minutes=15)
_TICKETS = ("ObjectType", "=", "RT::Ticket")
# without its field, the id of an account is its name
_USER_FIELDS = "id,Name,RealName,EmailAddress,Organization,Lang,Created,LastUpdated"
_QUEUE_FIELDS = "Name,Description,Lifecycle,Disabled"


def _id(record: Record) -> str | None:
    return text_id(record.get("id"))


def _placed_id(record: Placed) -> str | None:
    return record.row_id


def _placed_interaction(record: Placed) -> str | None:
    return record.interaction_id


_STREAMS = (
    RawStream("queues", _id),
    RawStream("users", _id),
    RawStream(
        "transactions",
        _id,
        tickets.placed,
        happened_at=lambda record: moment_of(record.get("Created")) if record.get("Type") in MESSAGES else None,
    ),
    RawStream("attachments", _placed_id, _placed_interaction),
    RawStream("tickets", _id, _id),
)


class RequestTrackerConnector:
    """See `touchstone.sources.http.streams.Connector`."""

    name = "rt"
    # RT has no limit of its own; this leaves a small server its hands free
    budgets: ClassVar[dict[str, Budget]] = {"default": Budget("default", 240, 60)}
    raw: ClassVar[dict[str, RawStream]] = {stream.name: stream for stream in _STREAMS}

    def credentials(self, source: SourceInstance) -> Ways:
        return (
            {"token": "authentication token of the account"},
            {"user": "name of the account", "password": "its password"},
        )

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        auth = (
            _TokenAuth(secrets["token"])
            if "token" in secrets
            else httpx.BasicAuth(secrets["user"], secrets["password"])
        )
        return {"main": (source.options(RequestTracker).base_url, auth)}

    def explain(self, response: httpx.Response) -> Exception | None:
        if response.status_code == 401:
            is_token = response.request.headers.get("Authorization", "").startswith("token ")
            return CredentialsError(
                "Request Tracker does not accept the credentials",
                "401",
                "Make a new authentication token in the account's settings."
                if is_token
                else "Check the name and the password of the account.",
            )
        if response.status_code == 403:
            return PermissionRefused(
                "Request Tracker refuses",
                f"403 at {response.request.url.path}",
                "Let the account be privileged, with ShowTicket, ShowTicketComments, SeeQueue and SeeCustomField in all queues.",
            )
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [
            Stream("queues", _queues, backfill=_whole),
            Stream("users", _users, backfill=_whole),
            Stream("transactions", _transactions, backfill=_interval),
            Stream("tickets", tickets.walk, backfill=_whole),
        ]

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        api = context.api
        lists = {
            "transactions": "ObjectType = 'RT::Ticket' AND id > 0",
            "tickets": "id > 0",
            "attachments": conditions(("id", ">", 0)),
            "users": conditions(("id", ">", 0)),
            "queues": conditions(("id", ">", 0)),
        }
        return [
            ("credentials", partial(api.get, f"{REST}/rt")),
            *(
                (name, partial(api.get, f"{REST}/{name}", {"query": query, "per_page": 1}))
                for name, query in lists.items()
            ),
        ]


class _TokenAuth(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        request.headers["Authorization"] = f"token {self._token}"
        yield request


# --- walks


def _whole(window: Window) -> State:
    """A backfill reads people anew, and the tickets of the transactions that it landed."""
    return {}


def _queues(context: Context, state: State) -> Iterator[Page]:
    for page in by_id(context.api, "/queues", _beyond, fields=_QUEUE_FIELDS, find_disabled_rows=1):
        yield Page({"queues": page.records}, None)


def _beyond(after: int, *others: Condition) -> str:
    return conditions(*others, ("id", ">", after))


def _users(context: Context, state: State) -> Iterator[Page]:
    """Accounts that changed since the newest that was seen; RT's list does not say who is staff, a group of its own does.

    What counts as seen is what had changed when the walk began: an account that changes behind its back is read by the next.

    Its state:
        newest: When the account that had changed last did so, at the beginning of the last walk that ended.
        staff: Ids of the privileged accounts, as what is held says.
        walk: While a walk is under way: where it began (`since`), the last id (`after`) and the newest at its beginning.
    """
    staff = _staff(context)
    before = set(state.get("staff", ()))
    state = {**state, "staff": sorted(staff)}
    if before != staff:
        # a right that is given or taken leaves the account's own row as it was
        moved = context.rows.payloads("users", sorted(before ^ staff))
        yield Page({"users": [_user(one, staff) for one in moved.values()]}, state)
    under_way = state.get("walk") or {
        "since": state.get("newest"),
        "after": 0,
        "newest": last_change(context.api, "/users") or state.get("newest"),
    }
    since = moment_of(under_way["since"])
    changed = [("LastUpdated", ">=", column_time(since - OVERLAP))] if since else []

    def query(after: int) -> str:
        return _beyond(after, *changed)

    for page in by_id(context.api, "/users", query, int(under_way["after"]), fields=_USER_FIELDS, find_disabled_rows=1):
        walk = {**under_way, "after": page.last}
        yield Page({"users": [_user(one, staff) for one in page.records]}, {**state, "walk": walk})
    yield Page({}, {"newest": under_way["newest"], "staff": state["staff"]})


def _user(record: Record, staff: set[str]) -> Record:
    return record | {"id": str(record["id"]), "Privileged": str(record["id"]) in staff}


def _staff(context: Context) -> set[str]:
    """Ids of the privileged accounts: the members of a group that every RT has."""
    group = first_id(context.api, "/groups", ("Domain", "=", "SystemInternal"), ("Name", "=", "Privileged"))
    if group is None:
        raise PermissionRefused(
            f"{context.api.name}: the group of privileged accounts is not to be seen",
            "Privileged",
            "Grant the account SeeGroup; without it customers and staff cannot be told apart.",
        )
    found: set[str] = set()
    page = 1
    while True:
        asked = {"recursively": 0, "groups": 0, "users": 1, "per_page": 100, "page": page}
        members = context.api.get(f"{REST}/group/{group}/members", asked)["items"]
        fresh = {str(one["id"]) for one in members} - found
        found |= fresh
        if len(members) < 100 or not fresh:
            return found
        page += 1


def _transactions(context: Context, state: State) -> Iterator[Page]:
    """All transactions of tickets, with what was written in them.

    A walk that was stopped is begun anew from `since`, which follows it: what ended while it was stopped lies behind its last row.

    Its state:
        since: The id beyond which the next walk begins: what was a quarter of an hour old when the newest was seen, and no later than
            that of the newest at the walk's beginning, however long it takes.
        from_time, to_time: Of a backfill, its interval; `until` is the last id of it.
    """
    state = state if "since" in state else _beginning(context, state)
    if not state:
        return
    since, until = int(state["since"]), state.get("until")
    newest = first_id(context.api, "/transactions", _TICKETS, order="DESC") if until is None else until
    recent: list[tuple[int, datetime]] = []

    def query(after: int) -> str:
        bound = f" AND id <= {until}" if until is not None else ""
        return f"ObjectType = 'RT::Ticket' AND id > {after}{bound}"

    pages = by_id(
        context.api,
        "/transactions",
        query,
        since,
        fields=tickets.TRANSACTION_FIELDS,
        **{"fields[Creator]": PERSON},
    )
    for page in pages:
        moments = [(int(one["id"]), moment_of(one.get("Created"))) for one in page.records]
        recent = _recent(recent + [(one, at) for one, at in moments if at and (newest is None or one <= newest)])
        if recent:
            since = max(since, min(one for one, _ in recent) - 1)
        yield Page(_with_texts(context, page.records), {**state, "since": since})
    yield Page({}, {"since": since})


def _beginning(context: Context, state: State) -> State:
    """The ids that the instance's start, or a backfill's interval, amount to; nothing where there are none."""
    start = state.get("from_time") or column_time(context.window.start)
    first = first_id(context.api, "/transactions", _TICKETS, ("Created", ">=", start))
    if first is None or "to_time" not in state:
        return {} if first is None else {"since": first - 1}
    last = first_id(context.api, "/transactions", _TICKETS, ("Created", "<", state["to_time"]), order="DESC")
    return {} if last is None else {"since": first - 1, "until": last}


def _recent(seen: list[tuple[int, datetime]]) -> list[tuple[int, datetime]]:
    newest = max((moment for _, moment in seen), default=None)
    return [(one, moment) for one, moment in seen if moment >= newest - OVERLAP]


def _with_texts(context: Context, transactions: list[Record]) -> dict[str, list[Any]]:
    """Transactions with their texts; where RT replaced some in a ticket (`Munge`), with all of that ticket.

    What it replaced in a ticket that was merged away, it notes at the ticket that this one went into.
    """
    said = tickets.said_in(transactions)
    held = context.held("transactions", [str(one["id"]) for one in transactions])
    munged = {
        placed
        for one in transactions
        if one.get("Type") == "Munge" and str(one["id"]) not in held and (placed := tickets.placed(one))
    }
    for ticket_id in sorted(munged):
        said |= tickets.said_in(tickets.history(context, ticket_id))
    return {"transactions": transactions, "attachments": texts(context.api, said)}


def _interval(window: Window) -> State:
    """A backfill asks for the transactions of its days; which ids those are, its walk asks first."""
    first, last = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in window.interval)
    return {"from_time": column_time(first), "to_time": column_time(last + timedelta(days=1))}
