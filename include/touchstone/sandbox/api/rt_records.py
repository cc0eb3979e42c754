"""Tickets, messages, accounts and queues as Request Tracker shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from touchstone.sandbox.api import ids, rt_ids
from touchstone.sandbox.api.calls import tainted
from touchstone.sandbox.api.clock import EPOCH
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.api.options import Drift
from touchstone.sandbox.api.rt_ledger import PARTS, PRIORITIES, STATUSES, Ledger, Transaction
from touchstone.sandbox.model import Agent, Company, Customer
from touchstone.sandbox.state import ConversationState, MessageState, fold

INTERFACES = {"email": "Email", "chat": "REST", "voice": "REST", "ticket": "Web"}
HEADERS = (
    "Message-ID: <rt-{id}@example>\nX-RT-Interface: {interface}\nContent-Type: {kind}\nX-RT-Original-Encoding: utf-8"
)
Reference = tuple[str, int, str]  # type, id, name


class Records:
    """What rows look like before anybody says which fields of them are wanted; a reference is a tuple until then."""

    def __init__(self, company: Company, desk: Desk, ledger: Ledger) -> None:
        self._desk, self._ledger = desk, ledger
        self._teams = company.teams
        wrote = {one.customer_id: one.created_at for one in reversed(desk.conversations)}
        people = [one for one in company.customers if "zendesk" in one.known_to or one.customer_id in wrote]
        self.users: dict[int, dict[str, Any]] = {
            rt_ids.SYSTEM: _account(rt_ids.SYSTEM, "RT_System", "The RT System itself"),
            rt_ids.NOBODY: _account(rt_ids.NOBODY, "Nobody", "Nobody in particular"),
        }
        for agent in company.agents:
            self.users[rt_ids.rt_id(agent.agent_id)] = _person(agent, agent.hired_at)
        for customer in people:
            begun = min(customer.created_at, wrote.get(customer.customer_id, customer.created_at))
            self.users[rt_ids.rt_id(customer.customer_id)] = _person(customer, begun)
        self.staff = sorted(rt_ids.rt_id(one.agent_id) for one in company.agents)

    def user(self, user_id: int) -> Reference:
        return "user", user_id, self.users[user_id]["Name"]

    def queue(self, queue_id: int) -> Reference:
        return "queue", queue_id, self.queues()[queue_id]["Name"]

    def queues(self) -> dict[int, dict[str, Any]]:
        names = {rt_ids.GENERAL: "General", rt_ids.GENERAL + 1: "___Approvals"}
        names |= {rt_ids.queue_id(self._teams, team): team for team in self._teams}
        return {
            key: {"id": key, "Name": name, "Description": "", "Lifecycle": "default", "Disabled": "0"}
            for key, name in names.items()
        }

    def ticket_id(self, place: int) -> int:
        return rt_ids.TICKETS + self._desk.numbers[place]

    def ticket(self, place: int, now: datetime, drift: Drift) -> dict[str, Any]:
        """A ticket as it stands at `now`."""
        one = self._desk.conversations[place]
        state = fold(one, now)
        number = self._desk.numbers[place]
        requestor = self.user(rt_ids.rt_id(one.customer_id))
        started = [event.at for event in one.events if event.kind == "assign" and event.at <= now]
        return {
            "id": self.ticket_id(place),
            "Subject": tainted(one.subject, number) if drift.nul_and_surrogates else one.subject,
            "Status": status(state),
            "Queue": self.queue(rt_ids.queue_id(self._teams, state.team)),
            "Owner": self.user(rt_ids.rt_id(state.assignee_id) if state.assignee_id else rt_ids.NOBODY),
            "Creator": requestor,
            "Requestor": [requestor],
            "Priority": str(PRIORITIES.get(state.priority or "", 0)),
            "Type": "ticket",
            "EffectiveId": str(self.ticket_id(self._desk.survivor(place, now))),
            "CustomFields": self._fields(place, state, now),
            "Created": one.created_at,
            "Started": started[0] if started else EPOCH,
            "Resolved": state.solved_at or EPOCH,
            "Told": EPOCH,
            "LastUpdated": state.stated_at,
        }

    def _fields(self, place: int, state: ConversationState, now: datetime) -> list[dict[str, Any]]:
        one = self._desk.conversations[place]
        touches = sum(event.kind == "touch" and event.at <= now for event in one.events)
        values = {
            rt_ids.TOPIC: state.topic,
            rt_ids.PRODUCT_AREA: one.product_area,
            rt_ids.LANGUAGE: one.language,
            rt_ids.CHANNEL: one.channel,
            rt_ids.CSAT: None if state.rating is None else str(state.rating.value),
            rt_ids.REVISION: str(touches) if touches else None,
        }
        return [
            {
                "id": str(key),
                "type": "customfield",
                "name": rt_ids.FIELD_NAMES[key],
                "values": [] if value is None else [value],
            }
            for key, value in values.items()
        ]

    def transaction(self, row: Transaction) -> dict[str, Any]:
        return {
            "id": row.id,
            "Type": row.kind,
            "Field": row.field,
            "OldValue": row.old,
            "NewValue": row.new,
            "OldReference": "",
            "NewReference": "",
            "ReferenceType": "",
            "Data": "No Subject" if row.kind in ("Correspond", "Comment") else "",
            "Creator": self.user(row.creator),
            "Created": row.at,
            "ObjectType": "RT::Ticket",
            "ObjectId": str(self.ticket_id(row.place)),
            "TimeTaken": "0",
        }

    def attachments(self, row: Transaction, now: datetime, drift: Drift) -> list[dict[str, Any]]:
        """The parts of a message: a frame with plain text and HTML, either alone, and now and then a file."""
        one = self._desk.conversations[row.place]
        said = next((one for one in fold(one, now).messages if one.message_id == row.message_id), None)
        if said is None:
            return []
        interface = INTERFACES[one.channel] if row.kind == "Create" else "Email"
        return [
            {
                "id": row.id * PARTS + place,
                "TransactionId": str(row.id),
                "ContentType": kind,
                "Filename": name,
                "ContentLength": str(len(text.encode("utf-8", "replace"))),
                "Headers": HEADERS.format(id=row.id, interface=interface, kind=kind) if place == 0 else "",
                "Content": text,
                "Created": row.at,
                "Creator": self.user(row.creator),
            }
            for place, (kind, name, text) in enumerate(_parts(said, drift))
        ]


def _parts(said: MessageState, drift: Drift) -> list[tuple[str, str, str]]:
    """(type, file name, content) of each part in their order."""
    key = sum(ids.message_numbers(said.message_id))
    text, html = said.text, said.html
    if drift.nul_and_surrogates:
        text, html = tainted(text, key), html if html is None else tainted(html, key)
    is_quoting = any(line.startswith(">") for line in text.splitlines())
    if html is None:
        parts = [("text/plain", "", text)]
    elif key % 7 == 0 and not is_quoting:
        parts = [("text/html", "", html)]
    else:
        parts = [("multipart/alternative", "", ""), ("text/plain", "", text), ("text/html", "", html)]
    if key % 9 == 0:
        parts.append(("text/plain", "trace.log", "nobody said this\n" * 20))
    return parts


def status(state: ConversationState) -> str:
    if state.deleted_at is not None:
        return "deleted"
    return STATUSES.get(state.status, state.status)


def _account(key: int, name: str, real_name: str) -> dict[str, Any]:
    return {
        "id": key,
        "Name": name,
        "RealName": real_name,
        "EmailAddress": "",
        "Organization": "",
        "Lang": "",
        "Created": EPOCH.replace(year=2020),
        "LastUpdated": EPOCH.replace(year=2020),
    }


def _person(one: Agent | Customer, begun: datetime) -> dict[str, Any]:
    is_agent = isinstance(one, Agent)
    return _account(rt_ids.rt_id(one.agent_id if is_agent else one.customer_id), rt_ids.user_name(one), one.name) | {
        "EmailAddress": one.email if is_agent else one.emails[0],
        "Created": begun,
        "LastUpdated": begun,
    }
