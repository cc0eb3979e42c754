"""Which HubSpot objects belong together, as the associations API tells it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.api.hubspot_objects import Kind
from touchstone.sandbox.model import Account, Customer, Deal

# (from, to): (type id, label)
TYPES = {
    ("contacts", "companies"): (1, "Primary"),
    ("companies", "contacts"): (2, "Primary"),
    ("deals", "companies"): (5, "Primary"),
    ("companies", "deals"): (6, "Primary"),
    ("contacts", "tickets"): (15, None),
    ("tickets", "contacts"): (16, None),
    ("companies", "tickets"): (25, "Primary"),
    ("tickets", "companies"): (26, "Primary"),
    ("tickets", "conversations"): (32, None),
    ("conversations", "tickets"): (31, None),
    ("feedback_submissions", "contacts"): (98, None),
    ("feedback_submissions", "tickets"): (99, None),
    ("tickets", "feedback_submissions"): (100, None),
}


class Links:
    """Associations between the objects that exist at a moment.

    A ticket that survived a merge has the associations of what came into it; what was merged away has none of its own.
    """

    def __init__(
        self,
        kinds: dict[str, Kind],
        desk: Desk,
        accounts: list[Account],
        people: list[Customer],
        deals: list[Deal],
        rated: list[int],
    ) -> None:
        self._kinds, self._desk = kinds, desk
        self._accounts, self._people, self._deals, self._rated = accounts, people, deals, rated
        self._account_place = {one.account_id: place for place, one in enumerate(accounts)}
        self._person_place = {one.customer_id: place for place, one in enumerate(people)}
        self._people_of: dict[str, list[int]] = defaultdict(list)
        self._deals_of: dict[str, list[int]] = defaultdict(list)
        self._written_by: dict[str, list[int]] = defaultdict(list)
        self._written_for: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(people):
            self._people_of[one.account_id].append(place)
        for place, one in enumerate(deals):
            self._deals_of[one.account_id].append(place)
        for place, one in enumerate(desk.conversations):
            self._written_by[one.customer_id].append(place)
            if one.account_id:
                self._written_for[one.account_id].append(place)
        self._rating_place = {place: index for index, place in enumerate(rated)}
        self._finders: dict[tuple[str, str], Callable[[int, datetime], list[int]]] = {
            ("contacts", "companies"): lambda place, now: self._account(people[place].account_id),
            ("companies", "contacts"): lambda place, now: self._people_of[accounts[place].account_id],
            ("deals", "companies"): lambda place, now: self._account(deals[place].account_id),
            ("companies", "deals"): lambda place, now: self._deals_of[accounts[place].account_id],
            ("contacts", "tickets"): lambda place, now: self._alive(self._written_by[people[place].customer_id], now),
            ("companies", "tickets"): lambda place, now: self._alive(
                self._written_for[accounts[place].account_id], now
            ),
            ("tickets", "contacts"): self._contacts_of_ticket,
            ("tickets", "companies"): self._companies_of_ticket,
            ("tickets", "conversations"): self._joined,
            ("conversations", "tickets"): lambda place, now: [desk.survivor(place, now)],
            ("tickets", "feedback_submissions"): self._feedback_of_ticket,
            ("feedback_submissions", "tickets"): lambda place, now: [desk.survivor(rated[place], now)],
            ("feedback_submissions", "contacts"): lambda place, now: self._person(rated[place]),
        }

    def knows(self, start: str, end: str) -> bool:
        return (start, end) in TYPES

    def of(self, start: str, object_id: str, end: str, now: datetime) -> list[dict[str, Any]]:
        """What an object is associated with; empty also where the object does not exist."""
        place = self._place(start, object_id)
        if place is None or not self._exists(start, place, now):
            return []
        if start == "tickets" and self._desk.survivor(place, now) != place:
            return []
        type_id, label = TYPES[start, end]
        shown = {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": label}
        places = sorted(dict.fromkeys(self._finders[start, end](place, now)))
        return [
            {"toObjectId": self._id(end, other), "associationTypes": [shown]}
            for other in places
            if self._exists(end, other, now)
        ]

    def _place(self, kind: str, object_id: str) -> int | None:
        if kind == "conversations":
            return self._desk.place(int(object_id) - ids.THREADS) if object_id.isdigit() else None
        return self._kinds[kind].place(object_id)

    def _id(self, kind: str, place: int) -> int:
        if kind == "conversations":
            return int(ids.thread_id(self._desk.conversations[place].conversation_id))
        return int(self._kinds[kind].timeline.ids[place])

    def _exists(self, kind: str, place: int, now: datetime) -> bool:
        if kind == "conversations":
            return self._desk.conversations[place].created_at <= now
        return bool(self._kinds[kind].timeline.created[place] <= micros(now))

    def _account(self, account_id: str | None) -> list[int]:
        return [self._account_place[account_id]] if account_id in self._account_place else []

    def _person(self, place: int) -> list[int]:
        customer = self._desk.conversations[place].customer_id
        return [self._person_place[customer]] if customer in self._person_place else []

    def _alive(self, places: list[int], now: datetime) -> list[int]:
        return [place for place in places if self._desk.survivor(place, now) == place]

    def _joined(self, place: int, now: datetime) -> list[int]:
        return [*self._desk.absorbed(place, now), place]

    def _contacts_of_ticket(self, place: int, now: datetime) -> list[int]:
        return [person for one in self._joined(place, now) for person in self._person(one)]

    def _companies_of_ticket(self, place: int, now: datetime) -> list[int]:
        return [
            account
            for one in self._joined(place, now)
            for account in self._account(self._desk.conversations[one].account_id)
        ]

    def _feedback_of_ticket(self, place: int, now: datetime) -> list[int]:
        return [self._rating_place[one] for one in self._joined(place, now) if one in self._rating_place]
