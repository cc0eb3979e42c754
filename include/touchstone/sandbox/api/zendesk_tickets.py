"""Tickets, their metric sets and their comments as Zendesk shows them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.calls import tainted
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.api.options import Drift
from touchstone.sandbox.api.timeline import Timeline
from touchstone.sandbox.model import Company, Conversation, Event
from touchstone.sandbox.state import ConversationState, MessageState, fold, shown_at

VIA = {"chat": "chat", "email": "email", "ticket": "web", "voice": "voice"}
STATUS = {"on_hold": "hold"}
BRAND = 470_000_000_001
FORM = 480_000_000_001
TOPIC, PRODUCT_AREA, LANGUAGE, SEATS, HANDOFF_REASON, REVISION = range(900_001, 900_007)
SCRUBBED = "SCRUBBED"
OPENS, CLOSES = 8, 18  # business hours, UTC, Monday to Friday


class Tickets:
    """The tickets of the Zendesk desk.

    Attributes:
        timeline: Moves a ticket to its end with every change, system updates included.
        rated, deleted: Positions of the tickets that are rated, or deleted, at some time.
    """

    def __init__(self, company: Company, base: str) -> None:
        self.desk = Desk(company, "zendesk")
        self.base = base
        self.groups = {team: ids.GROUPS + index for index, team in enumerate(company.teams)}
        kinds = [{event.kind for event in one.events} for one in self.desk.conversations]
        self.rated = [place for place, found in enumerate(kinds) if "rate" in found]
        self.deleted = [place for place, found in enumerate(kinds) if "delete" in found]
        self.timeline = Timeline((self.ticket_id(place), own) for place, own in enumerate(self.desk.moments))

    def ticket_id(self, place: int) -> int:
        return ids.zendesk_id("cnv-0") + self.desk.numbers[place]

    def place(self, ticket_id: int) -> int | None:
        return self.desk.place(ticket_id - ids.zendesk_id("cnv-0"))

    def state(self, place: int, now: datetime) -> ConversationState:
        return fold(self.desk.conversations[place], now)

    def exists(self, place: int, now: datetime) -> bool:
        return self.timeline.created[place] <= micros(now)

    # --- records

    def ticket(self, place: int, now: datetime, drift: Drift) -> dict[str, Any]:
        """A ticket as it stands at `now`."""
        one = self.desk.conversations[place]
        state = fold(one, now)
        number = self.desk.numbers[place]
        ticket_id = self.ticket_id(place)
        requester = ids.zendesk_id(one.customer_id)
        channel = VIA[one.channel]
        is_scrubbed = scrubbed_at(one, now) is not None
        subject = SCRUBBED if is_scrubbed else one.subject
        described = state.messages[0].text if state.messages else ""
        if drift.nul_and_surrogates:
            subject, described = tainted(subject, number), tainted(described, number)
        is_ai_only = self.desk.ai_at[place] <= micros(now) < self.desk.human_at[place]
        ticket = {
            "url": f"{self.base}/api/v2/tickets/{ticket_id}.json",
            "id": ticket_id,
            "external_id": None,
            "via": {"channel": channel, "source": {"from": {}, "to": {}, "rel": None}},
            "created_at": one.created_at,
            "updated_at": state.updated_at,
            "generated_timestamp": micros(state.stated_at) // 1_000_000,
            "type": "question",
            "subject": subject,
            "raw_subject": subject,
            "description": described,
            "priority": state.priority,
            "status": ticket_status(state),
            "recipient": "support@sandbox.example" if channel == "email" else None,
            "requester_id": requester,
            "submitter_id": requester,
            "assignee_id": ids.zendesk_id(state.assignee_id) if state.assignee_id else None,
            "organization_id": ids.zendesk_id(one.account_id) if one.account_id else None,
            "group_id": self.groups[state.team] if state.team else None,
            "collaborator_ids": [],
            "follower_ids": [],
            "email_cc_ids": [],
            "forum_topic_id": None,
            "problem_id": None,
            "has_incidents": False,
            "is_public": any(not message.is_internal for message in state.messages),
            "due_at": None,
            "tags": state.tags,
            "custom_fields": self._fields(one, number, state, now, drift),
            "satisfaction_rating": self._satisfaction(number, state),
            "sharing_agreement_ids": [],
            "followup_ids": [],
            "ticket_form_id": FORM,
            "brand_id": BRAND,
            "allow_channelback": False,
            "allow_attachments": True,
            "from_messaging_channel": channel == "chat",
            "support_type": "ai_agent" if is_ai_only else "agent",
        }
        if drift.new_enum:
            _new_values(ticket, number, drift)
        if drift.new_field:
            ticket["agent_workspace"] = {"enabled": True, "revision": number % 3}
        return ticket

    def _fields(
        self, one: Conversation, number: int, state: ConversationState, now: datetime, drift: Drift
    ) -> list[dict[str, Any]]:
        seats: Any = number * 7 % 90 + 1
        reasons = [event.text for event in one.events if event.kind == "handoff" and shown_at(event) <= now]
        return [
            {"id": TOPIC, "value": state.topic},
            {"id": PRODUCT_AREA, "value": one.product_area},
            {"id": LANGUAGE, "value": one.language},
            {"id": SEATS, "value": f"{seats} seats" if drift.field_type_change else seats},
            {"id": HANDOFF_REASON, "value": reasons[-1] if reasons else None},
            {"id": REVISION, "value": sum(e.kind == "touch" and shown_at(e) <= now for e in one.events)},
        ]

    def _satisfaction(self, number: int, state: ConversationState) -> dict[str, Any]:
        if state.rating is None:
            return {"score": "offered" if state.solved_at else "unoffered"}
        return {
            "score": score(state.rating.value),
            "id": ids.RATINGS + number,
            "comment": state.rating.comment or None,
        }

    def metric_set(self, place: int, now: datetime) -> dict[str, Any]:
        """What Zendesk has measured of a ticket by `now`; minutes are whole."""
        one = self.desk.conversations[place]
        state = fold(one, now)
        replies = [message for message in state.messages if is_reply(message)]
        first = replies[0].sent_at if replies else None
        assigned = [event.at for event in one.events if event.kind == "assign" and shown_at(event) <= now]
        return {
            "url": f"{self.base}/api/v2/ticket_metrics/{ids.METRIC_SETS + self.desk.numbers[place]}.json",
            "id": ids.METRIC_SETS + self.desk.numbers[place],
            "ticket_id": self.ticket_id(place),
            "created_at": one.created_at,
            "updated_at": state.updated_at,
            "group_stations": len({event.team for event in one.events if event.team and shown_at(event) <= now}),
            "assignee_stations": len(assigned),
            "reopens": state.reopens,
            "replies": len(replies),
            "assignee_updated_at": assigned[-1] if assigned else None,
            "requester_updated_at": max(
                [message.sent_at for message in state.messages if message.actor == "customer"], default=one.created_at
            ),
            "status_updated_at": max(
                [event.at for event in one.events if event.kind == "status" and shown_at(event) <= now],
                default=one.created_at,
            ),
            "initially_assigned_at": assigned[0] if assigned else None,
            "assigned_at": assigned[-1] if assigned else None,
            "solved_at": state.solved_at,
            "latest_comment_added_at": state.messages[-1].sent_at if state.messages else None,
            "reply_time_in_minutes": minutes(one.created_at, first),
            "full_resolution_time_in_minutes": minutes(one.created_at, state.solved_at),
        }

    def rating(self, place: int, now: datetime) -> dict[str, Any] | None:
        """The customer's rating of a ticket; None while there is none."""
        one = self.desk.conversations[place]
        state = fold(one, now)
        if state.rating is None or state.deleted_at is not None:
            return None
        number = self.desk.numbers[place]
        first = next(event.at for event in one.events if event.kind == "rate")
        return {
            "url": f"{self.base}/api/v2/satisfaction_ratings/{ids.RATINGS + number}.json",
            "id": ids.RATINGS + number,
            "ticket_id": self.ticket_id(place),
            "requester_id": ids.zendesk_id(one.customer_id),
            "assignee_id": ids.zendesk_id(state.assignee_id) if state.assignee_id else None,
            "group_id": self.groups[state.team] if state.team else None,
            "score": score(state.rating.value),
            "comment": state.rating.comment or None,
            "reason": "No reason provided",
            "created_at": first,
            "updated_at": state.rating.rated_at,
        }

    def comment(self, place: int, message: MessageState, drift: Drift) -> dict[str, Any]:
        """A message as a comment; the same in an audit's child events and in a ticket's own list."""
        one = self.desk.conversations[place]
        text, html = message.text, message.html
        if drift.nul_and_surrogates:
            key = sum(ids.message_numbers(message.message_id))
            text, html = tainted(text, key), tainted(html, key) if html is not None else None
        return {
            "id": ids.zendesk_id(message.message_id),
            "type": "Comment",
            "author_id": author(message.actor, message.actor_id),
            "body": text,
            "html_body": html if html is not None else f'<div class="zd-comment" dir="auto">{text}</div>',
            "plain_body": text,
            "public": not message.is_internal,
            "attachments": [],
            "via": {"channel": VIA[one.channel], "source": {"from": {}, "to": {}, "rel": None}},
            "via_reference_id": None,
            "created_at": message.sent_at,
        }


def author(actor: str, actor_id: str) -> int:
    """The user behind an actor; what no user did is Zendesk's own."""
    if not actor_id or actor_id == "system":
        return ids.SYSTEM_USER
    return ids.zendesk_id(actor_id)


def is_reply(message: MessageState) -> bool:
    return message.actor == "human_agent" and not message.is_internal


def score(value: int) -> str:
    return "good" if value >= 4 else "bad"


def ticket_status(state: ConversationState) -> str:
    return "deleted" if state.deleted_at is not None else STATUS.get(state.status, state.status)


def scrubbed_at(one: Conversation, now: datetime) -> datetime | None:
    """When all content of a conversation was deleted for good; None if it was not by `now`."""
    for event in one.events:
        if event.kind == "redact" and not event.message_id and shown_at(event) <= now:
            return event.at
    return None


def minutes(start: datetime, end: datetime | None) -> dict[str, int | None]:
    """Whole minutes between two moments, by the calendar and within business hours."""
    if end is None:
        return {"calendar": None, "business": None}
    return {"calendar": int((end - start).total_seconds() // 60), "business": _business(start, end)}


def _business(start: datetime, end: datetime) -> int:
    total = timedelta()
    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        if day.weekday() < 5:
            opens, closes = day + timedelta(hours=OPENS), day + timedelta(hours=CLOSES)
            total += max(timedelta(), min(end, closes) - max(start, opens))
        day += timedelta(days=1)
    return int(total.total_seconds() // 60)


def _new_values(ticket: dict[str, Any], number: int, drift: Drift) -> None:
    if number % 3 == 0:
        ticket["type"] = "outage"
    if number % 7 == 0 and isinstance(drift.new_enum, list):
        for name in drift.new_enum:
            if name == "channel":
                ticket["via"] = ticket["via"] | {"channel": "holo_call"}
            else:
                ticket[name] = {"priority": "critical", "status": "awaiting_parts"}[name]


def actor_of(event: Event) -> int:
    return author(event.actor, event.actor_id)
