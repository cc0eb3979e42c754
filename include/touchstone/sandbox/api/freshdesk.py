"""Freshdesk: the lists of API v2, with their pages, filters and refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from touchstone.sandbox.api.calls import Answer, Call, Endpoint, Refusal, html
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.freshdesk_people import People
from touchstone.sandbox.api.freshdesk_tickets import Tickets
from touchstone.sandbox.api.limits import Limit
from touchstone.sandbox.api.options import SandboxOptions
from touchstone.sandbox.model import Company

ACCOUNT = Limit("freshdesk.account", 200, 60.0)
TICKETS = Limit("freshdesk.tickets", 20, 60.0)
_BY_DEFAULT = timedelta(days=30)
FILTERS = ("deleted", "spam", "new_and_my_open", "watching")
_ORDERS = ("created_at", "updated_at", "due_by", "status")
Rows = list[dict[str, Any]]


class Freshdesk:
    """The company's Freshdesk account."""

    prefix = "/freshdesk"

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        self.tickets = Tickets(company)
        self._people = People(company)

    def endpoints(self) -> list[Endpoint]:
        table: list[Endpoint] = []

        def add(name: str, path: str, handler: Callable[[Call], Answer], *limits: Limit) -> None:
            def guarded(call: Call) -> Answer:
                if name in call.traps.freshdesk_refused:
                    raise _refusal(403, "access_denied", "You are not authorized to perform this action.")
                return handler(call)

            table.append(Endpoint(f"freshdesk.{name}", "GET", f"/api/v2/{path}", guarded, (*limits, ACCOUNT)))

        people = self._people
        add("tickets", "tickets", self.list_tickets, TICKETS)
        add("ticket", "tickets/{id:int}", self.ticket)
        add("conversations", "tickets/{id:int}/conversations", self.conversations)
        add("contacts", "contacts", self._lister("contacts", people.contacts, "_updated_since", "updated_at"))
        add("companies", "companies", self._lister("companies", people.companies))
        add("me", "agents/me", self.me)
        add("agents", "agents", self.agents)
        for name in ("contacts", "companies", "agents"):
            add(name.rstrip("s"), f"{name}/{{id:int}}", self._getter(name, getattr(people, name)))
        add("groups", "groups", self._lister("groups", people.groups))
        add("ticket_fields", "ticket_fields", self._lister("ticket_fields", people.ticket_fields))
        add("surveys", "surveys", self._lister("surveys", people.surveys))
        rated = self._lister("satisfaction_ratings", self.tickets.ratings, "created_since", "created_at")
        add("satisfaction_ratings", "surveys/satisfaction_ratings", rated)
        add("categories", "solutions/categories", self._lister("categories", people.categories))
        add("folders", "solutions/categories/{id:int}/folders", self.folders)
        add("subfolders", "solutions/folders/{id:int}/subfolders", self.subfolders)
        add("articles", "solutions/folders/{id:int}/articles", self.articles)
        add("article", "solutions/articles/{id:int}", self._getter("articles", people.all_articles))
        return table

    # --- manners

    def authorise(self, call: Call) -> None:
        given = call.basic()
        if given is None or given[0] != call.credentials.freshdesk.api_key:
            raise _refusal(401, "invalid_credentials", "You have to be logged in to perform this action.")

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer:
        headers = {} if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}
        return Answer({"message": "You have exceeded the limit of requests per minute"}, 429, headers)

    def failure(self, status: int) -> Answer:
        return Answer({"message": "We're sorry"}, status) if status == 500 else html(status, f"{status}")

    def unknown(self, path: str) -> Answer:
        return html(404)

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        used = {"X-RateLimit-Used-CurrentRequest": "1"}
        return used | {"X-RateLimit-Total": str(limit.requests), "X-RateLimit-Remaining": str(remaining)}

    # --- tickets

    def list_tickets(self, call: Call) -> Answer:
        page, size = _paging(call)
        limit = call.traps.freshdesk_page_limit
        if page > limit:
            text = f"You cannot access tickets beyond the {limit}th page. Please provide a smaller page number."
            raise _invalid("page", text)
        order, direction = call.query.get("order_by", "created_at"), call.query.get("order_type", "desc")
        name = call.query.get("filter")
        if order not in _ORDERS or direction not in ("asc", "desc") or name not in (None, *FILTERS):
            raise _invalid("order_by", "It should be one of these values: 'created_at,due_by,updated_at,status'")
        places = self._listed(call, name, order, ascending=direction == "asc")
        include = set(call.query.get("include", "").split(","))
        shown = places[(page - 1) * size : page * size].tolist()
        rows = [self.tickets.ticket(place, call.now, call.traps.drift, include) for place in shown]
        return _answer(call, rows, page, has_more=len(places) > page * size)

    def _listed(self, call: Call, name: str | None, order: str, *, ascending: bool) -> np.ndarray:
        now, tickets = call.micros, self.tickets
        changed = tickets.timeline.last_changes(now)
        created = tickets.timeline.created
        keep = (created <= now) & ~self._gone(call)
        is_deleted, is_spam = tickets.deleted_at <= now, tickets.spam_at <= now
        if name == "deleted":
            keep &= is_deleted
        elif name == "spam":
            keep &= is_spam & ~is_deleted
        else:
            keep &= ~is_deleted & ~is_spam
        since = _moment(call, "updated_since")
        if since is None:
            keep &= created >= micros(call.now - _BY_DEFAULT)
        else:
            first = micros(since) // 1_000_000 + call.traps.freshdesk_since_exclusive
            keep &= changed // 1_000_000 >= first
        key = changed if order == "updated_at" else created
        places = np.flatnonzero(keep)
        ordered = places[np.lexsort((places, key[places] // 1_000_000))]
        return ordered if ascending else ordered[::-1]

    def _gone(self, call: Call) -> np.ndarray:
        """Which tickets no list shows: deleted for good, or archived."""
        gone = self.tickets.purged_at <= call.micros
        own = [int(one.partition("/")[2]) for one in call.traps.freshdesk_purged if one.startswith("tickets/")]
        for ticket_id in (*own, *call.traps.freshdesk_archived):
            place = self.tickets.place(ticket_id)
            if place is not None:
                gone[place] = True
        return gone

    def _own(self, call: Call) -> int:
        """Position of the ticket of the path."""
        ticket_id = int(call.path["id"])
        for status, refused in ((403, call.traps.html_403_for_ids), (404, call.traps.html_404_for_ids)):
            if ticket_id in refused:
                raise Refusal(html(status))
        if ticket_id in call.traps.freshdesk_archived:
            moved = {"Location": call.url(f"/api/v2/tickets/archived/{ticket_id}")}
            raise Refusal(Answer(b"", 301, moved, "text/html"))
        place = self.tickets.place(ticket_id)
        if place is None or self.tickets.timeline.created[place] > call.micros or self._gone(call)[place]:
            raise Refusal(html(404))
        return place

    def ticket(self, call: Call) -> Answer:
        place = self._own(call)
        include = {"description", *call.query.get("include", "").split(",")}
        ticket = self.tickets.ticket(place, call.now, call.traps.drift, include)
        return Answer(ticket | ({"deleted": True} if self.tickets.deleted_at[place] <= call.micros else {}))

    def conversations(self, call: Call) -> Answer:
        place = self._own(call)
        if self.tickets.deleted_at[place] <= call.micros:
            raise Refusal(html(404))
        return _paged(call, self.tickets.conversations(place, call.now, call.traps.drift))

    # --- the rest

    def _there(self, call: Call, name: str, rows: Rows) -> Rows:
        return [row for row in rows if f"{name}/{row['id']}" not in call.traps.freshdesk_purged]

    def _lister(
        self, name: str, rows: Callable[[datetime], Rows], since: str = "", field: str = ""
    ) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            first = _moment(call, since) if since else None
            found = self._there(call, name, rows(call.now))
            return _paged(call, [row for row in found if first is None or row[field] >= first])

        return handler

    def _getter(self, name: str, rows: Callable[[datetime], Rows]) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            for row in self._there(call, name, rows(call.now)):
                if row["id"] == call.path["id"]:
                    return Answer(row)
            raise Refusal(html(404))

        return handler

    def me(self, call: Call) -> Answer:
        return Answer(self._people.agents(call.now)[0])

    def agents(self, call: Call) -> Answer:
        found = self._there(call, "agents", self._people.agents(call.now))
        hidden = {"group_ids"} if call.traps.freshdesk_agents_without_groups else set()
        return _paged(call, [{name: value for name, value in row.items() if name not in hidden} for row in found])

    def folders(self, call: Call) -> Answer:
        return _paged(call, self._people.folders(call.path["id"]))

    def subfolders(self, call: Call) -> Answer:
        return _paged(call, self._people.subfolders(call.path["id"]))

    def articles(self, call: Call) -> Answer:
        return _paged(call, self._people.articles(call.path["id"], call.now))


def _refusal(status: int, code: str, text: str) -> Refusal:
    return Refusal(Answer({"code": code, "message": text}, status))


def _invalid(field: str, text: str) -> Refusal:
    errors = [{"field": field, "message": text, "code": "invalid_value"}]
    return Refusal(Answer({"description": "Validation failed", "errors": errors}, 400))


def _moment(call: Call, name: str) -> datetime | None:
    text = call.query.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid(name, "It should be a combined date and time in UTC") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _paging(call: Call) -> tuple[int, int]:
    """Number and size of the page that is asked for."""
    found = []
    for name, default, most in (("page", 1, 10**6), ("per_page", 30, 100)):
        text = call.query.get(name, str(default))
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise _invalid(name, f"It should be a Positive Integer less than or equal to {most}")
        found.append(int(text))
    return found[0], found[1]


def _paged(call: Call, rows: Rows | None) -> Answer:
    if rows is None:
        raise Refusal(html(404))
    page, size = _paging(call)
    return _answer(call, rows[(page - 1) * size : page * size], page, has_more=len(rows) > page * size)


def _answer(call: Call, rows: Rows, page: int, *, has_more: bool) -> Answer:
    """A page, whose header names the next one where there is one."""
    following = call.url(call.request.url.path.removeprefix(call.prefix), **{**dict(call.query), "page": page + 1})
    return Answer(rows, headers={"Link": f'<{following}>; rel="next"'} if has_more else {})
