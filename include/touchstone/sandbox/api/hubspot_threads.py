"""HubSpot's conversations inbox: threads, what was written in them, and who wrote it."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import md5
from typing import Any

import numpy as np

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.calls import tainted
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.api.hubspot_objects import ACTORS, actor_of, stamp
from touchstone.sandbox.api.options import Drift
from touchstone.sandbox.api.vendors import hubspot_contact
from touchstone.sandbox.model import Agent, Company, Conversation, Customer, Event
from touchstone.sandbox.state import MessageState, fold, shown_at

CHANNELS = {"chat": "1000", "email": "1002", "ticket": "1003", "voice": "1008"}
INBOX = "240001"
SYSTEM = "S-hubspot"
_DONE = ("solved", "closed")


class Threads:
    """One thread per conversation of the HubSpot desk."""

    def __init__(self, company: Company, desk: Desk) -> None:
        self.desk = desk
        self._agents = {one.agent_id: one for one in company.agents}
        self._customers = {one.customer_id: one for one in company.customers}
        self.ids = np.array([int(ids.thread_id(one.conversation_id)) for one in desk.conversations], dtype=np.int64)
        self.created = np.array([micros(one.created_at) for one in desk.conversations], dtype=np.int64)
        sent = [
            (micros(shown_at(event)), micros(event.at), place)
            for place, one in enumerate(desk.conversations)
            for event in one.events
            if event.kind == "message"
        ]
        sent.sort()
        self._shown = np.array([row[0] for row in sent], dtype=np.int64)
        self._sent = np.array([row[1] for row in sent], dtype=np.int64)
        self._thread = np.array([row[2] for row in sent], dtype=np.int64)

    def place(self, thread_id: str) -> int | None:
        return self.desk.place(int(thread_id) - ids.THREADS) if thread_id.isdigit() else None

    def seen_at(self, place: int, now: datetime, delay: int) -> datetime:
        return now - timedelta(seconds=delay) if delay and self.ids[place] % 2 else now

    def latest(self, now: datetime, delay: int) -> np.ndarray:
        """Microsecond at which the latest message that shows was sent, by thread; 0 for threads not there yet."""
        result = self._latest(micros(now))
        if delay:
            result = np.where(self.ids % 2 == 1, self._latest(micros(now - timedelta(seconds=delay))), result)
        return result

    def _latest(self, now: int) -> np.ndarray:
        result = np.where(self.created <= now, self.created, 0)
        stop = int(np.searchsorted(self._shown, now, "right"))
        np.maximum.at(result, self._thread[:stop], self._sent[:stop])
        return result

    def is_archived(self, place: int, seen: datetime) -> bool:
        return fold(self.desk.conversations[place], seen).deleted_at is not None

    def thread(self, place: int, seen: datetime, drift: Drift) -> dict[str, Any]:
        one = self.desk.conversations[place]
        state = fold(one, seen)
        public = [message for message in state.messages if not message.is_internal]
        received = [message.sent_at for message in public if message.actor == "customer"]
        sent = [message.sent_at for message in public if message.actor != "customer"]
        survivor = self.desk.conversations[self.desk.survivor(place, seen)]
        shown = {
            "id": str(self.ids[place]),
            "createdAt": stamp(one.created_at),
            "closedAt": stamp(state.solved_at) if state.solved_at else None,
            "status": "CLOSED" if state.status in _DONE else "OPEN",
            "originalChannelId": CHANNELS[one.channel],
            "originalChannelAccountId": f"{CHANNELS[one.channel]}01",
            "latestMessageTimestamp": stamp(
                max([message.sent_at for message in state.messages], default=one.created_at)
            ),
            "latestMessageSentTimestamp": stamp(max(sent)) if sent else None,
            "latestMessageReceivedTimestamp": stamp(max(received)) if received else None,
            "assignedTo": self.actor_id(state.assignee_id) if state.assignee_id else None,
            "spam": False,
            "inboxId": INBOX,
            "associatedContactId": ids.hubspot_id(one.customer_id),
            "archived": state.deleted_at is not None,
            "threadAssociations": {"associatedTicketId": ids.hubspot_id(survivor.conversation_id)},
        }
        if drift.new_field:
            shown["aiSummaryStatus"] = "NOT_AVAILABLE"
        return {name: value for name, value in shown.items() if value is not None}

    def messages(self, place: int, seen: datetime, drift: Drift) -> list[dict[str, Any]]:
        """Everything in a thread that shows, oldest first: messages, notes, assignments, changes of status."""
        one = self.desk.conversations[place]
        states = {message.message_id: message for message in fold(one, seen).messages}
        result: list[tuple[datetime, dict[str, Any]]] = []
        assignee, status = None, "OPEN"
        for index, event in enumerate(one.events):
            if shown_at(event) > seen:
                continue
            if event.kind == "message":
                result.append((event.at, self._message(one, states[event.message_id], drift)))
            elif event.kind == "assign":
                shown = self._entry(one, index, event, "ASSIGNMENT")
                if event.value:
                    shown["assignedTo"] = self.actor_id(event.value)
                if assignee:
                    shown["assignedFrom"] = self.actor_id(assignee)
                assignee = event.value
                result.append((event.at, shown))
            elif event.kind in ("status", "merge"):
                new = "CLOSED" if event.kind == "merge" or event.value in _DONE else "OPEN"
                if new != status:
                    status = new
                    shown = self._entry(one, index, event, "THREAD_STATUS_CHANGE") | {"newStatus": new}
                    result.append((event.at, shown))
        if drift.new_enum and self.desk.numbers[place] % 3 == 0 and result:
            summary = self._entry(one, 10_000, one.events[0], "AI_SUMMARY") | {"text": "Summary of the thread"}
            result.append((result[-1][0], summary))
        result.sort(key=lambda pair: pair[0])
        return [shown for _, shown in result]

    def _message(self, one: Conversation, message: MessageState, drift: Drift) -> dict[str, Any]:
        text, html = message.text, message.html
        if drift.nul_and_surrogates:
            key = sum(ids.message_numbers(message.message_id))
            text, html = tainted(text, key), tainted(html, key) if html is not None else None
        sender = self.actor_id(message.actor_id) if message.actor_id else SYSTEM
        shown = {
            "id": ids.hubspot_id(message.message_id),
            "type": "COMMENT" if message.is_internal else "MESSAGE",
            "conversationsThreadId": ids.thread_id(one.conversation_id),
            "createdAt": stamp(message.sent_at),
            "createdBy": sender,
            "client": {"clientType": _client(sender)},
            "senders": [self._party(message.actor_id, sender, one.channel)],
            "recipients": [],
            "archived": False,
            "text": text,
            "richText": html if html is not None else f"<p>{text}</p>",
            "attachments": [],
        }
        if message.redacted_at is not None:
            shown["updatedAt"] = stamp(message.redacted_at)
        if not message.is_internal:
            is_incoming = message.actor == "customer"
            if not is_incoming:
                contact = f"V-{ids.hubspot_id(one.customer_id)}"
                shown["recipients"] = [self._party(one.customer_id, contact, one.channel)]
            shown |= {
                "channelId": CHANNELS[one.channel],
                "channelAccountId": f"{CHANNELS[one.channel]}01",
                "truncationStatus": "NOT_TRUNCATED",
                "direction": "INCOMING" if is_incoming else "OUTGOING",
                "status": {"statusType": "RECEIVED" if is_incoming else "SENT"},
            }
            if one.channel == "email":
                shown["subject"] = one.subject
        return shown

    def _entry(self, one: Conversation, index: int, event: Event, kind: str) -> dict[str, Any]:
        by = self.actor_id(event.actor_id) if event.actor_id else SYSTEM
        digest = md5(f"{one.conversation_id}|{index}|{kind}".encode(), usedforsecurity=False).hexdigest()
        return {
            "id": digest,
            "type": kind,
            "conversationsThreadId": ids.thread_id(one.conversation_id),
            "createdAt": stamp(event.at),
            "createdBy": by,
            "client": {"clientType": _client(by)},
            "senders": [],
            "recipients": [],
            "archived": False,
        }

    def _party(self, own: str, actor_id: str, channel: str) -> dict[str, Any]:
        person = self._customers.get(own) or self._agents.get(own)
        shown: dict[str, Any] = {"actorId": actor_id, "name": person.name if person else "HubSpot"}
        if channel == "email" and person is not None:
            shown["deliveryIdentifier"] = {"type": "HS_EMAIL_ADDRESS", "value": _address(person)}
        return shown

    # --- actors

    def actor_id(self, own: str) -> str:
        """HubSpot's id of whoever acts; customers are visitors, V."""
        agent = self._agents.get(own)
        return actor_of(agent) if agent is not None else f"V-{ids.hubspot_id(own)}"

    def actor(self, actor_id: str) -> dict[str, Any] | None:
        """An actor by id; None where there is none."""
        if actor_id == SYSTEM:
            return {"id": SYSTEM, "name": "HubSpot", "type": "SYSTEM"}
        letter, _, digits = actor_id.partition("-")
        if not digits.isdigit():
            return None
        if letter == "V":
            number = int(digits) - int(ids.hubspot_id("cus-0"))
            customer = self._customers.get(ids.company_id("customer", max(number, 0)))
            if customer is None:
                return None
            return {"id": actor_id, "name": customer.name, "email": _address(customer), "type": "VISITOR"}
        number = int(digits) - (ids.OWNER_USERS if letter == "A" else 0)
        agent = self._agents.get(ids.company_id("agent", max(number, 0)))
        if agent is None or ACTORS[agent.kind][0] != letter:
            return None
        shown = {"id": actor_id, "name": agent.name, "type": ACTORS[agent.kind][1]}
        return shown | {"email": agent.email} if letter == "A" else shown


def _address(person: Customer | Agent) -> str:
    return person.email if isinstance(person, Agent) else hubspot_contact(person)["email"]


def _client(actor_id: str) -> str:
    return {"A": "HUBSPOT", "V": "HUBSPOT", "I": "INTEGRATION", "B": "SYSTEM", "S": "SYSTEM"}[actor_id[0]]
