"""Freshdesk's tickets, their conversations and ratings, as they stand at any moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from typing import Any

import numpy as np

from touchstone.sandbox.api.calls import tainted
from touchstone.sandbox.api.clock import micros, moment_of
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.api.freshdesk_ids import GROUPS, PER_TICKET, RATINGS, SURVEY, freshdesk_id
from touchstone.sandbox.api.ids import message_numbers
from touchstone.sandbox.api.options import Drift
from touchstone.sandbox.api.timeline import NEVER, Timeline
from touchstone.sandbox.model import Company, Conversation
from touchstone.sandbox.state import ConversationState, MessageState, fold, shown_at

STATUS = {"new": 2, "open": 2, "pending": 3, "on_hold": 7, "solved": 4, "closed": 5}
PRIORITY = {"low": 1, "normal": 2, "high": 3, "urgent": 4}
SOURCE = {"email": 1, "ticket": 2, "voice": 3, "chat": 7}
REPLY, NOTE = 0, 2
HAPPY, UNHAPPY = 103, -103
ACCEPTED = (103, 100, -103)
_SILENT = ("touch", "delete")


class Tickets:
    """The tickets of the company's helpdesk.

    Attributes:
        timeline: Moves a ticket to its end with every change of its `updated_at`: neither deleting it nor calling it spam does.
        deleted_at, spam_at, purged_at: Microsecond of each for every ticket; NEVER where it does not happen.
    """

    def __init__(self, company: Company) -> None:
        self.desk = Desk(company, "zendesk")
        self._teams = {team: GROUPS + index for index, team in enumerate(company.teams)}
        self._customers = {one.customer_id: one for one in company.customers}
        self.timeline = Timeline((freshdesk_id(one.conversation_id), _changes(one)) for one in self.desk.conversations)
        own = self.desk.conversations
        self.deleted_at = np.array([_first(one, "delete") for one in own], dtype=np.int64)
        self.spam_at = np.array([_first(one, "tag", value="spam") for one in own], dtype=np.int64)
        scrubbed = np.array([_first(one, "redact", message_id="") for one in own], dtype=np.int64)
        # what is scrubbed after it was deleted is gone for good
        self.purged_at = np.where(self.deleted_at < NEVER, np.maximum(scrubbed, self.deleted_at), NEVER)
        self.rated = [place for place, one in enumerate(own) if any(event.kind == "rate" for event in one.events)]

    def place(self, ticket_id: int) -> int | None:
        return self.desk.place(ticket_id - freshdesk_id("cnv-0"))

    def ticket(self, place: int, now: datetime, drift: Drift, include: set[str]) -> dict[str, Any]:
        """A ticket as it stands at `now`, with what is asked for beside it."""
        one = self.desk.conversations[place]
        state = fold(one, now)
        number = self.desk.numbers[place]
        customer = self._customers[one.customer_id]
        first = state.messages[0] if state.messages else None
        subject = tainted(one.subject, number) if drift.nul_and_surrogates else one.subject
        ticket = {
            "id": freshdesk_id(one.conversation_id),
            "subject": subject,
            "status": STATUS[state.status],
            "priority": PRIORITY.get(state.priority or "low", 1),
            "source": SOURCE[one.channel],
            "type": "Question",
            "requester_id": freshdesk_id(one.customer_id),
            "responder_id": freshdesk_id(state.assignee_id) if state.assignee_id else None,
            "company_id": freshdesk_id(one.account_id) if one.account_id else None,
            "group_id": self._teams[state.team] if state.team else None,
            "product_id": None,
            "email_config_id": None,
            "association_type": None,
            "associated_tickets_count": None,
            "cc_emails": [],
            "fwd_emails": [],
            "reply_cc_emails": [],
            "to_emails": None,
            "spam": bool(self.spam_at[place] <= micros(now)),
            "tags": state.tags,
            "custom_fields": {
                "cf_topic": state.topic,
                "cf_product_area": one.product_area,
                "cf_language": one.language,
                "cf_seats": "many" if drift.field_type_change else number * 7 % 90 + 1,
            },
            "is_escalated": False,
            "fr_escalated": False,
            "due_by": one.created_at + timedelta(days=3),
            "fr_due_by": one.created_at + timedelta(days=1),
            "created_at": one.created_at,
            "updated_at": moment_of(self.timeline.last_change(place, micros(now))),
        }
        if "description" in include and first is not None:
            ticket |= _texts(first, number, drift, "description")
        if "requester" in include:
            ticket["requester"] = {
                "id": freshdesk_id(customer.customer_id),
                "name": customer.name,
                "email": customer.emails[0],
                "mobile": None,
                "phone": customer.phone or None,
            }
        if "stats" in include:
            ticket["stats"] = _stats(one, state)
        if drift.new_enum and number % 3 == 0:
            ticket["source"] = 42
        return ticket | {"sentiment_score": 50} if drift.new_field else ticket

    def conversations(self, place: int, now: datetime, drift: Drift) -> list[dict[str, Any]]:
        """Replies and notes of a ticket; its first message is the ticket's description."""
        one = self.desk.conversations[place]
        mergers = {event.at: event.actor_id for event in one.events if event.kind == "merge"}
        mergers |= {
            merge.at: self.desk.conversations[merge.loser].events[merge.event].actor_id
            for merge in self.desk.merges_into.get(place, ())
        }
        rows = []
        for message in fold(one, now).messages[1:]:
            author = message.actor_id or (mergers.get(message.sent_at) if message.actor == "system" else None)
            number = sum(message_numbers(message.message_id))
            rows.append(
                {
                    "id": freshdesk_id(message.message_id),
                    **_texts(message, number, drift, "body"),
                    "incoming": message.actor == "customer",
                    "private": message.is_internal,
                    "user_id": freshdesk_id(author) if author and author != "system" else None,
                    "support_email": None,
                    "source": NOTE if message.is_internal else REPLY,
                    "category": 2 if message.is_internal else 3,
                    "ticket_id": freshdesk_id(one.conversation_id),
                    "to_emails": [],
                    "from_email": None,
                    "cc_emails": [],
                    "bcc_emails": [],
                    "attachments": [],
                    "last_edited_at": message.redacted_at,
                    "created_at": message.sent_at,
                    "updated_at": message.redacted_at or message.sent_at,
                }
            )
        return sorted(rows, key=lambda row: (row["created_at"], row["id"]))

    def ratings(self, now: datetime) -> list[dict[str, Any]]:
        """Every answer to the survey, of tickets that are there; the newest first."""
        rows = []
        for place in self.rated:
            one = self.desk.conversations[place]
            if self.deleted_at[place] <= micros(now):
                continue
            for index, event in enumerate(one.events):
                if event.kind == "rate" and shown_at(event) <= now:
                    rows.append(
                        {
                            "id": RATINGS + self.desk.numbers[place] * PER_TICKET + index,
                            "survey_id": SURVEY,
                            "user_id": freshdesk_id(one.customer_id),
                            "agent_id": None,
                            "group_id": None,
                            "ticket_id": freshdesk_id(one.conversation_id),
                            "feedback": event.text or None,
                            "ratings": {"default_question": HAPPY if event.value >= 4 else UNHAPPY},
                            "created_at": event.at,
                            "updated_at": event.at,
                        }
                    )
        return sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)


def _texts(message: MessageState, number: int, drift: Drift, name: str) -> dict[str, str]:
    text = tainted(message.text, number) if drift.nul_and_surrogates else message.text
    return {name: f"<div>{escape(text)}</div>" if message.html is None else message.html, f"{name}_text": text}


def _changes(one: Conversation) -> list[datetime]:
    return sorted({one.created_at, *(shown_at(event) for event in one.events if not _is_silent(event))})


def _is_silent(event: Any) -> bool:
    return event.kind in _SILENT or (event.kind == "tag" and event.value == "spam")


def _first(one: Conversation, kind: str, **fields: Any) -> int:
    found = [
        micros(shown_at(event))
        for event in one.events
        if event.kind == kind and all(getattr(event, name) == value for name, value in fields.items())
    ]
    return min(found, default=NEVER)


def _stats(one: Conversation, state: ConversationState) -> dict[str, Any]:
    answers = [
        said.sent_at for said in state.messages if said.actor in ("human_agent", "ai_agent") and not said.is_internal
    ]
    asked = [said.sent_at for said in state.messages if said.actor == "customer"]
    return {
        "agent_responded_at": answers[-1] if answers else None,
        "requester_responded_at": asked[-1] if len(asked) > 1 else None,
        "first_responded_at": answers[0] if answers else None,
        "status_updated_at": one.created_at,
        "reopened_at": None,
        "resolved_at": state.solved_at,
        "closed_at": state.closed_at,
        "pending_since": None,
    }
