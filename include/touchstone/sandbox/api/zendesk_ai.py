"""The data export of Zendesk's AI agents: one day per request, files made once a day, behind URLs that expire."""

from __future__ import annotations

import hmac
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.calls import Answer, Call, Refusal
from touchstone.sandbox.api.clock import micros, seconds
from touchstone.sandbox.api.desk import latest
from touchstone.sandbox.api.zendesk_tickets import Tickets
from touchstone.sandbox.model import Company, Conversation, Event
from touchstone.sandbox.state import MessageState, fold, shown_at

HORIZON = timedelta(days=30)
LIFETIME = 24 * 3600
PER_FILE = 500

_SENDERS = {"customer": "visitor", "ai_agent": "bot", "human_agent": "agent"}


class AiExport:
    """Conversations in which an AI agent took part, by the UTC day on which they began.

    The files of a day appear after the midnight that ends it and are made anew at every midnight, so that a conversation
    that goes on is whole only in a later version of its day's files.
    """

    def __init__(self, company: Company, tickets: Tickets, seed: int) -> None:
        self._tickets = tickets
        self._agents = {agent.agent_id: agent for agent in company.agents}
        self._secret = f"signed-urls-{seed}".encode()
        found = [
            (one.created_at.astimezone(UTC).date(), place)
            for place, one in enumerate(tickets.desk.conversations)
            if any(event.actor == "ai_agent" for event in one.events)
        ]
        found.sort()
        self._days = [day for day, _ in found]
        self._places = [place for _, place in found]

    def urls(self, call: Call) -> Answer:
        """POST get-signed-urls: the files of one day."""
        body = call.json()
        try:
            day = date.fromisoformat(body["date"])
        except (TypeError, KeyError, ValueError):
            raise Refusal(Answer({"error": "Bad Request", "message": "date must be YYYY-MM-DD"}, 400)) from None
        made = self._made_at(call)
        if day < (call.now - HORIZON).date():
            raise Refusal(Answer({"error": "Bad Request", "message": "date is older than 30 days"}, 400))
        if day >= made.date():
            return Answer({"urls": []})
        count = len(self._shown(day, made))
        expires = seconds(call.now) + LIFETIME
        urls = []
        for part in range(-(-count // PER_FILE)):
            token = f"{day.isoformat()}.{part}.{expires}"
            urls.append(call.url(f"/signed/{token}.{self._signature(token)}.json"))
        return Answer({"urls": urls})

    def file(self, call: Call) -> Answer:
        """GET a signed URL: a JSON array with one conversation per object."""
        token, _, signature = str(call.path["token"]).rpartition(".")
        if not hmac.compare_digest(signature, self._signature(token)):
            return _denied("SignatureDoesNotMatch")
        day_text, part, expires = token.split(".")
        if int(expires) < seconds(call.now):
            return _denied("AccessDenied", "Request has expired")
        made = self._made_at(call)
        shown = self._shown(date.fromisoformat(day_text), made)
        first = int(part) * PER_FILE
        return Answer([self._conversation(place, made, call) for place in shown[first : first + PER_FILE]])

    def _made_at(self, call: Call) -> datetime:
        """The midnight at which the present files were made."""
        ready = call.now - timedelta(seconds=call.traps.ai_export_delay_seconds)
        return datetime.combine(ready.astimezone(UTC).date(), time(), UTC)

    def _shown(self, day: date, made: datetime) -> list[int]:
        first, last = bisect_left(self._days, day), bisect_left(self._days, day + timedelta(days=1))
        until = micros(made)
        return [place for place in self._places[first:last] if self._tickets.desk.ai_at[place] <= until]

    def _signature(self, token: str) -> str:
        return hmac.new(self._secret, token.encode(), sha256).hexdigest()[:32]

    def _conversation(self, place: int, made: datetime, call: Call) -> dict[str, Any]:
        one = self._tickets.desk.conversations[place]
        state = fold(one, made)
        first = next(event for event in one.events if event.actor == "ai_agent")
        agent = self._agents[first.actor_id]
        version = latest(agent.versions, one.created_at)
        handoff = self._escalation(one, made)
        if handoff is not None:
            resolution = "escalated"
        elif state.solved_at is not None:
            resolution = "resolved"
        else:
            resolution = "open"
        ticket_id = str(self._tickets.ticket_id(place))
        return {
            "conversationId": f"{ids.number(one.conversation_id):024x}",
            "externalConversationId": ticket_id,
            "botId": call.credentials.zendesk.ai_bot_id,
            "botVersion": version[1] if version else None,
            "botName": agent.name,
            "startedAt": one.created_at,
            "endedAt": state.solved_at,
            "language": one.language,
            "escalated": handoff is not None,
            "escalatedAt": handoff.at if handoff is not None else None,
            "escalationReason": handoff.text or None if handoff is not None else None,
            "resolutionState": resolution,
            "messages": [
                self._message(message, call)
                for message in state.messages
                if message.actor in _SENDERS and not message.is_internal
            ],
        }

    def _escalation(self, one: Conversation, made: datetime) -> Event | None:
        """The handoff by which an AI agent gave a conversation away."""
        for event in one.events:
            if event.kind == "handoff" and shown_at(event) <= made:
                agent = self._agents.get(event.actor_id)
                if agent is not None and agent.kind == "ai_agent":
                    return event
        return None

    def _message(self, message: MessageState, call: Call) -> dict[str, Any]:
        answer = message.answer
        drift = call.traps.drift
        result = {
            "messageId": str(ids.zendesk_id(message.message_id)),
            "sender": _SENDERS[message.actor],
            "sentAt": message.sent_at,
            "text": message.text,
            "intent": answer.intent if answer else None,
            "confidence": answer.confidence if answer else None,
            "knowledgeSources": [
                {"articleId": ids.zendesk_id(article), "articleVersion": version + 1, "relevance": relevance}
                for article, version, relevance in (answer.sources if answer else ())
            ],
            "actions": [
                {"name": tool.name, "status": tool.status, "durationMs": tool.duration_ms}
                for tool in (answer.tool_calls if answer else ())
            ],
        }
        return result | {"channelMeta": {"edited": False}} if drift.new_field else result


def _denied(code: str, message: str = "") -> Answer:
    """What an object store answers at a URL that is not, or no longer, signed."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(body.encode(), 403, media_type="application/xml")
