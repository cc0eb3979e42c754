"""Request Tracker's one list of transactions: all that ever happened to the tickets of the desk.

A transaction is numbered when it begins and shows when it ends: one of a message that shows late has a lower id than others that
showed before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from touchstone.sandbox.api import rt_ids
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.model import Company, Conversation, Event
from touchstone.sandbox.state import shown_at

STATUSES = {"pending": "stalled", "on_hold": "on hold", "solved": "resolved", "closed": "resolved"}
PRIORITIES = {"low": 0, "normal": 50, "medium": 50, "high": 100, "urgent": 100}
FIRST, STEP = 38, 3  # other tables have their transactions, too
PARTS = 4  # room for the parts of a message


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row of the list; `message_id` is the company's message that it holds, "" for none."""

    place: int
    at: datetime
    shown: datetime
    kind: str
    creator: int
    field: str = ""
    old: str = ""
    new: str = ""
    message_id: str = ""
    id: int = 0


class Ledger:
    """All transactions, in the order of their ids.

    Attributes:
        of_message: Id of the transaction that holds each message.
    """

    def __init__(self, company: Company, desk: Desk) -> None:
        self._teams = company.teams
        self._desk = desk
        rows = [row for place, one in enumerate(desk.conversations) for row in self._rows(place, one)]
        rows.sort(key=lambda row: row.at)
        self.rows = [replace(row, id=FIRST + STEP * rank) for rank, row in enumerate(rows, start=1)]
        self.ids = np.array([row.id for row in self.rows], dtype=np.int64)
        self.at = np.array([micros(row.at) for row in self.rows], dtype=np.int64)
        self.shown = np.array([micros(row.shown) for row in self.rows], dtype=np.int64)
        self.of_message = {row.message_id: row.id for row in self.rows if row.message_id}
        self.of_ticket: dict[int, list[int]] = defaultdict(list)
        for rank, row in enumerate(self.rows):
            self.of_ticket[row.place].append(rank)

    def rank(self, transaction_id: int) -> int | None:
        """Position of a transaction; None for an id that none has."""
        rank = int(np.searchsorted(self.ids, transaction_id))
        return rank if rank < len(self.rows) and self.rows[rank].id == transaction_id else None

    # --- what happened to a ticket

    def _rows(self, place: int, one: Conversation) -> Iterator[Transaction]:
        seen = {"Status": "new", "Owner": rt_ids.NOBODY, "Queue": rt_ids.GENERAL, "Priority": 0, "fields": {}}
        opens = one.events[0] if one.events[0].kind == "message" and one.events[0].visible_at is None else None
        if opens is None or opens.is_internal or opens.at != one.created_at:
            # made by a form, without a word
            creator = rt_ids.rt_id(one.customer_id)
            yield Transaction(place, one.created_at, one.created_at, "Create", creator)
            opens = None
        for event in one.events:
            if event.kind == "message":
                kind = "Create" if event is opens else "Comment" if event.is_internal else "Correspond"
                yield self._row(place, event, kind, message_id=event.message_id)
                if kind != "Comment":
                    yield replace(self._row(place, event, "EmailRecord"), creator=rt_ids.SYSTEM)
            else:
                yield from self._changes(place, event, seen)

    def _changes(self, place: int, event: Event, seen: dict) -> Iterator[Transaction]:
        if event.kind == "status":
            yield from self._set(place, event, seen, "Status", STATUSES.get(event.value, event.value), kind="Status")
        elif event.kind == "delete":
            yield from self._set(place, event, seen, "Status", "deleted", kind="Status")
        elif event.kind == "assign":
            owner = rt_ids.rt_id(event.value) if event.value else rt_ids.NOBODY
            for row in self._set(place, event, seen, "Owner", owner):
                yield row
                yield replace(row, kind="SetWatcher")
            if event.team:
                yield from self._set(place, event, seen, "Queue", rt_ids.queue_id(self._teams, event.team))
        elif event.kind == "priority":
            yield from self._set(place, event, seen, "Priority", PRIORITIES.get(event.value, 0))
        elif event.kind in ("topic", "rate", "touch"):
            field = {"topic": rt_ids.TOPIC, "rate": rt_ids.CSAT, "touch": rt_ids.REVISION}[event.kind]
            before = seen["fields"].get(field, "")
            value = str(int(before or 0) + 1) if event.kind == "touch" else str(event.value)
            seen["fields"][field] = value
            yield self._row(place, event, "CustomField", field=str(field), old=before, new=value)
        elif event.kind == "merge":
            survivor = self._desk.position[event.value]
            uri = f"fsck.com-rt://example/ticket/{rt_ids.rt_id(event.value)}"
            row = self._row(place, event, "AddLink", field="MergedInto", new=uri)
            yield row
            yield replace(row, place=survivor)
        elif event.kind == "redact":
            # a ticket that was merged away loads as the one that it went into
            yield self._row(self._desk.survivor(place, event.at), event, "Munge")

    def _set(
        self, place: int, event: Event, seen: dict, field: str, value: object, kind: str = "Set"
    ) -> Iterator[Transaction]:
        before, seen[field] = seen[field], value
        if before != value:
            yield self._row(place, event, kind, field=field, old=str(before), new=str(value))

    def _row(self, place: int, event: Event, kind: str, **fields: str) -> Transaction:
        return Transaction(place, event.at, shown_at(event), kind, rt_ids.user_id(event.actor_id), **fields)


class MessageIds:
    """Request Tracker's ids of the conversations and messages of a company."""

    def __init__(self, company: Company) -> None:
        self._of_message = Ledger(company, Desk(company, "zendesk")).of_message

    def __call__(self, own: str) -> int:
        return self._of_message[own] if own.startswith("msg-") else rt_ids.rt_id(own)
