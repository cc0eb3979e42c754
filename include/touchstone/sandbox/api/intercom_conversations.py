"""Intercom's conversations: the message that began each, its parts, its summary fields, and what its AI agent Fin says of it.

Intercom has no merges: a conversation that the firm merges into another one is closed there, and keeps what was said in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from html import escape
from typing import Any

import numpy as np

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.calls import Answer, Call, Refusal, tainted
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.api.intercom_ids import OPERATOR, TAGS, conversation_number, event_part, hex_number, intercom_id
from touchstone.sandbox.api.intercom_people import People
from touchstone.sandbox.api.intercom_search import Dated, epoch, error, listed, page, parsed
from touchstone.sandbox.api.timeline import NEVER, Timeline
from touchstone.sandbox.api.vendors import intercom_contact
from touchstone.sandbox.model import Agent, Company, Conversation, Event
from touchstone.sandbox.state import ConversationState, MessageState, fold, shown_at

LISTED = 20
CHANNELS = {"chat": "conversation", "email": "email", "ticket": "conversation", "voice": "phone_call"}
STATES = {
    "new": "open",
    "open": "open",
    "pending": "snoozed",
    "on_hold": "snoozed",
    "solved": "closed",
    "closed": "closed",
}
_STATE_PARTS = {"open": "open", "snoozed": "snoozed", "closed": "close"}
_PRIORITIES = {"high": "priority", "urgent": "priority"}
_SNOOZED = timedelta(days=3)
_DATES = ("created_at", "updated_at")
_MICROSECONDS = 1_000_000


class Conversations:
    """The conversations of the firm's helpdesk."""

    def __init__(self, company: Company, people: People) -> None:
        self.desk = Desk(company, "zendesk")
        self._people = people
        self._agents = {one.agent_id: one for one in company.agents}
        self._articles = {one.article_id: one for one in company.articles}
        self._tags: dict[str, str] = {}
        found = self.desk.conversations
        self._ids = [intercom_id(one.conversation_id) for one in found]
        self._changes = Timeline((int(own), _moments(one)) for own, one in zip(self._ids, found, strict=True))
        self._created = np.array([micros(one.created_at) for one in found], dtype=np.int64)
        self._deleted = np.array([_deleted(one) for one in found], dtype=np.int64)

    # --- answers

    def search(self, call: Call) -> Answer:
        asked = parsed(call, _DATES, by_day=call.traps.intercom_search_by_day, per_page=LISTED)
        return self._page(call, page(self._found(call), asked))

    def list(self, call: Call) -> Answer:
        return self._page(call, listed(call, self._found(call), LISTED))

    def _found(self, call: Call) -> list[Dated]:
        now = call.micros
        changed = self._changes.last_changes(now) // _MICROSECONDS
        there = np.flatnonzero((self._created <= now) & (self._deleted > now)).tolist()
        created = self._created // _MICROSECONDS
        return [
            (self._ids[place], {"created_at": int(created[place]), "updated_at": int(changed[place])})
            for place in there
        ]

    def _page(self, call: Call, found: tuple[list[Dated], dict[str, Any], int]) -> Answer:
        shown, pages, total = found
        rows = [self._summary(self._place(own), call, plain=False)[0] for own, _ in shown]
        return Answer({"type": "conversation.list", "conversations": rows, "total_count": total, "pages": pages})

    def conversation(self, call: Call) -> Answer:
        """GET a conversation with the newest of its parts."""
        place = self._place(call.path["id"])
        if place is None or self._created[place] > call.micros or self._deleted[place] <= call.micros:
            raise Refusal(error(404, "not_found", "Resource Not Found"))
        plain = call.query.get("display_as") == "plaintext"
        shown, parts = self._summary(place, call, plain=plain)
        newest = parts[-call.traps.intercom_parts_most :]
        shown["conversation_parts"] = {
            "type": "conversation_part.list",
            "conversation_parts": newest,
            "total_count": len(newest),
        }
        return Answer(shown)

    def _place(self, own: str) -> int | None:
        number = conversation_number(own)
        return None if number is None else self.desk.place(number)

    # --- a conversation

    def _summary(self, place: int, call: Call, *, plain: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """A conversation as lists show it, and its parts, oldest first."""
        one, now = self.desk.conversations[place], call.now
        state = fold(one, now)
        parts = [part for _, part in sorted(self._parts(one, state, call, plain), key=lambda pair: pair[0])]
        stated = STATES[state.status]
        team = state.team
        assignee = self._agents.get(state.assignee_id or "")
        contact = self._contact_of(one, call)
        shown = {
            "type": "conversation",
            "id": self._ids[place],
            "title": one.subject,
            "created_at": epoch(one.created_at),
            "updated_at": self._changes.last_change(place, call.micros) // _MICROSECONDS,
            "waiting_since": None,
            "snoozed_until": epoch(state.updated_at + _SNOOZED) if stated == "snoozed" else None,
            "open": stated != "closed",
            "state": stated,
            "read": True,
            "priority": _PRIORITIES.get(state.priority or "", "not_priority"),
            "admin_assignee_id": int(intercom_id(assignee.agent_id)) if _is_person(assignee) else None,
            "team_assignee_id": self._people.team_id(team) if team else None,
            "tags": {"type": "tag.list", "tags": [self._tag(name, one, now) for name in state.tags]},
            "conversation_rating": None if one.is_ai_only else self._rating(one, state, contact),
            "source": self._source(one, state, call, plain),
            "contacts": {"type": "contact.list", "contacts": [contact]},
            "teammates": {"type": "admin.list", "teammates": []},
            "custom_attributes": self._attributes(one, state),
            "first_contact_reply": {"created_at": epoch(one.created_at), "type": "conversation", "url": None},
            "sla_applied": None,
            "statistics": self._statistics(one, state, parts),
            "linked_objects": {"type": "list", "data": [], "total_count": 0, "has_more": False},
            **self._fin(one, state, call),
        }
        if call.traps.drift.new_field:
            shown["topics"] = {}
        return shown, parts

    def _contact_of(self, one: Conversation, call: Call) -> dict[str, Any]:
        contact_id = intercom_id(one.customer_id)
        contact_id = call.traps.intercom_merged_contacts.get(contact_id, contact_id)
        customer = self._people.customers[hex_number("cus", contact_id)]
        return {"type": "contact", "id": contact_id, "external_id": intercom_contact(customer)["external_id"]}

    def _attributes(self, one: Conversation, state: ConversationState) -> dict[str, Any]:
        found = {"Topic": state.topic, "Product area": one.product_area, "Language": one.language}
        return {name: value for name, value in found.items() if value is not None}

    def _tag(self, name: str, one: Conversation, now: datetime) -> dict[str, Any]:
        own = self._tags.setdefault(name, str(TAGS + len(self._tags)))
        applied = next(event.at for event in one.events if event.kind == "tag" and event.value == name)
        return {
            "type": "tag",
            "id": own,
            "name": name,
            "applied_at": epoch(applied),
            "applied_by": {"type": "admin", "id": OPERATOR},
        }

    def tags(self, call: Call) -> Answer:
        """Every tag that was ever used."""
        for one in self.desk.conversations:
            for event in one.events:
                if event.kind == "tag" and shown_at(event) <= call.now:
                    self._tags.setdefault(event.value, str(TAGS + len(self._tags)))
        return Answer(
            {"type": "list", "data": [{"type": "tag", "id": own, "name": name} for name, own in self._tags.items()]}
        )

    def _rating(self, one: Conversation, state: ConversationState, contact: dict[str, Any]) -> dict[str, Any] | None:
        if state.rating is None:
            return None
        at = epoch(state.rating.rated_at)
        shown = {"rating": state.rating.value, "remark": state.rating.comment, "created_at": at, "updated_at": at}
        shown["contact"] = contact
        if state.assignee_id and _is_person(self._agents[state.assignee_id]):
            shown["teammate"] = {"type": "admin", "id": intercom_id(state.assignee_id)}
        return shown

    def _statistics(self, one: Conversation, state: ConversationState, parts: list[dict[str, Any]]) -> dict[str, Any]:
        closes = [part["created_at"] for part in parts if part["part_type"] == "close"]
        shown = {
            "type": "conversation_statistics",
            "first_contact_reply_at": epoch(one.created_at),
            "count_reopens": state.reopens,
            "count_assignments": sum(part["part_type"] == "assignment" for part in parts),
            "count_conversation_parts": len(parts),
        }
        return shown | ({"first_close_at": closes[0], "last_close_at": closes[-1]} if closes else {})

    # --- what Fin says

    def _fin(self, one: Conversation, state: ConversationState, call: Call) -> dict[str, Any]:
        answers = [message for message in state.messages if message.actor == "ai_agent"]
        if not answers or call.traps.intercom_fin_is_off:
            return {"ai_agent_participated": False, "ai_agent": None}
        sources: dict[str, None] = {}
        for message in answers:
            if message.answer is not None:
                sources |= dict.fromkeys(article for article, _, _ in message.answer.sources)
        shown = {
            "source_type": "workflow",
            "source_title": self._agents[answers[-1].actor_id].name,
            "last_answer_type": "ai_answer",
            "resolution_state": self._resolution(one, state, call),
            "rating": None,
            "rating_remark": None,
            "content_sources": {
                "type": "content_source.list",
                "total_count": len(sources),
                "content_sources": [self._content(own, call.now) for own in sources],
            },
        }
        if one.is_ai_only and state.rating is not None:
            at = epoch(state.rating.rated_at)
            shown |= {"rating": state.rating.value, "rating_remark": state.rating.comment}
            shown |= {"created_at": at, "updated_at": at}
        return {"ai_agent_participated": True, "ai_agent": shown}

    def _resolution(self, one: Conversation, state: ConversationState, call: Call) -> str | None:
        if call.traps.drift.new_enum and int(intercom_id(one.conversation_id)) % 7 == 0:
            return "handed_to_partner"
        if any(message.actor == "human_agent" and not message.is_internal for message in state.messages):
            return "escalated"
        if state.rating is not None and state.rating.value <= 2:
            return "negative_feedback"
        if STATES[state.status] == "closed":
            return "confirmed_resolution" if state.rating is not None else "assumed_resolution"
        return None

    def _content(self, article_id: str, now: datetime) -> dict[str, Any]:
        article = self._articles[article_id]
        own = intercom_id(article_id)
        title = next((one.title for one in reversed(article.versions) if one.edited_at <= now), article.topic)
        url = f"/a/apps/sandbox1/articles/articles/{own}/show"
        return {"content_type": "article", "url": url, "title": title, "locale": article.locale.partition("-")[0]}

    # --- what was said and done

    def _source(self, one: Conversation, state: ConversationState, call: Call, plain: bool) -> dict[str, Any]:
        """The message that began the conversation."""
        first = state.messages[0] if state.messages else None
        shown = {
            "type": CHANNELS[one.channel],
            "id": intercom_id(first.message_id) if first else self._ids[self.desk.position[one.conversation_id]],
            "delivered_as": "customer_initiated",
            "subject": one.subject if plain else f"<p>{escape(one.subject)}</p>",
            "body": self._body(first, call, plain) if first else "",
            "author": self._author(first.actor_id if first else one.customer_id, call),
            "attachments": [],
            "url": None,
            "redacted": bool(first and first.redacted_at is not None),
        }
        return shown

    def _parts(
        self, one: Conversation, state: ConversationState, call: Call, plain: bool
    ) -> Iterator[tuple[tuple[datetime, int, int], dict[str, Any]]]:
        """Parts with their place in time."""
        number = ids.number(one.conversation_id)
        messages = {message.message_id: message for message in state.messages[1:]}
        first = state.messages[0].message_id if state.messages else ""
        stated, team = "open", ""
        for index, event in enumerate(one.events):
            if shown_at(event) > call.now or (event.kind == "message" and event.message_id == first):
                continue
            pieces: list[dict[str, Any]] = []
            if event.kind == "message":
                pieces = [self._said(messages[event.message_id], call, plain)]
            elif event.kind in ("status", "merge"):
                new = "closed" if event.kind == "merge" else STATES[event.value]
                if new != stated:
                    pieces, stated = [{"part_type": _STATE_PARTS[new], "author": self._doer(event, call)}], new
            elif event.kind == "assign":
                pieces = self._assigned(event, team, call)
                team = event.team or team
            elif event.kind in ("topic", "handoff"):
                pieces = [self._attribute(event, call)]
            elif event.kind == "rate":
                pieces = [{"part_type": "conversation_rating_changed", "author": self._author(event.actor_id, call)}]
            for place, piece in enumerate(pieces):
                at = epoch(event.at)
                part = {
                    "type": "conversation_part",
                    "id": event_part(number, index, place),
                    "body": None,
                    "created_at": at,
                    "updated_at": at,
                    "notified_at": at,
                    "assigned_to": None,
                    "attachments": [],
                    "external_id": None,
                    "redacted": False,
                    "email_message_metadata": None,
                    "state": stated,
                    "tags": [],
                    "app_package_code": None,
                }
                yield (event.at, index, place), part | piece

    def _said(self, message: MessageState, call: Call, plain: bool) -> dict[str, Any]:
        author = self._author(message.actor_id, call)
        shown = {
            "id": intercom_id(message.message_id),
            "part_type": "note" if message.is_internal else "comment",
            "body": self._body(message, call, plain),
            "author": author,
            "redacted": message.redacted_at is not None,
        }
        if call.traps.drift.new_enum and int(shown["id"]) % 11 == 0 and author["type"] == "bot":
            shown["part_type"] = "fin_streamed_answer"
        if message.redacted_at is not None:
            shown["updated_at"] = epoch(message.redacted_at)
        return shown

    def _body(self, message: MessageState, call: Call, plain: bool) -> str:
        text = message.text
        if not plain:
            text = message.html if message.html is not None else f"<p>{escape(text)}</p>"
        return (
            tainted(text, sum(ids.message_numbers(message.message_id))) if call.traps.drift.nul_and_surrogates else text
        )

    def _assigned(self, event: Event, team: str, call: Call) -> list[dict[str, Any]]:
        """An assignment names a team or a person; a move to both is told twice."""
        targets: list[dict[str, Any]] = []
        if event.team and event.team != team:
            targets.append({"type": "team", "id": str(self._people.team_id(event.team))})
        agent = self._agents.get(event.value or "")
        if _is_person(agent):
            targets.append({"type": "admin", "id": intercom_id(agent.agent_id)})
        elif event.value is None:
            targets.append({"type": "nobody_admin", "id": None})
        doer = self._doer(event, call)
        return [{"part_type": "assignment", "assigned_to": target, "author": doer} for target in targets]

    def _attribute(self, event: Event, call: Call) -> dict[str, Any]:
        """A change of a custom attribute: by a person, or by a workflow."""
        name, value = ("Topic", event.value) if event.kind == "topic" else ("Handoff reason", event.text)
        details: dict[str, Any] = {"attribute": {"name": name}, "value": {"name": value}}
        if _is_person(self._agents.get(event.actor_id)):
            details["value"]["previous"] = None
            kind = "conversation_attribute_updated_by_admin"
        else:
            kind = "conversation_attribute_updated_by_workflow"
            details = {"workflow": {"name": "Triage"}, **details}
        return {"part_type": kind, "author": self._doer(event, call), "event_details": details}

    def _doer(self, event: Event, call: Call) -> dict[str, Any]:
        return self._author(event.actor_id, call)

    def _author(self, own: str, call: Call) -> dict[str, Any]:
        """Who wrote or did something; what nobody of the firm did, the operator did."""
        agent = self._agents.get(own)
        if agent is not None and agent.kind == "human_agent":
            return {
                "type": "admin",
                "id": intercom_id(own),
                "name": agent.name,
                "email": agent.email,
                "from_ai_agent": False,
                "is_ai_answer": False,
            }
        if agent is not None:
            is_fin = agent.kind == "ai_agent"
            bot = intercom_id(own)
            return _bot(bot, agent.name, is_fin=is_fin)
        customer = self._people.customers.get(ids.number(own)) if own.startswith("cus-") else None
        if customer is None:
            return _bot(OPERATOR, "Operator", is_fin=False)
        contact_id = intercom_id(own)
        contact_id = call.traps.intercom_merged_contacts.get(contact_id, contact_id)
        return {"type": "user", "id": contact_id, "name": customer.name, "email": customer.emails[0]}


def _bot(own: str, name: str, *, is_fin: bool) -> dict[str, Any]:
    return {
        "type": "bot",
        "id": own,
        "name": name,
        "email": f"operator+{own}@intercom.example",
        "from_ai_agent": is_fin,
        "is_ai_answer": is_fin,
    }


def _is_person(agent: Agent | None) -> bool:
    return agent is not None and agent.kind == "human_agent"


def _moments(one: Conversation) -> list[datetime]:
    """When its `updated_at` moves: with everything that shows, but for a system's touch."""
    return sorted({one.created_at, *(shown_at(event) for event in one.events if event.kind != "touch")})


def _deleted(one: Conversation) -> int:
    return min((micros(shown_at(event)) for event in one.events if event.kind == "delete"), default=NEVER)
