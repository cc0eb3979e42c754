"""The company's AI agents as a collector's file exporter writes their spans: one export of OTLP in JSON per line.

By conversation the three ways take turns in which spans hold messages: attributes (the latest conventions), log records and
span events (v1.36). A turn is exported when it ends; children come before their parents, and some exports are written twice.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any

import orjson

from touchstone.sandbox.ai_turns import Turn, ai_turns
from touchstone.sandbox.api import ids
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.model import Company, Customer, Event
from touchstone.sandbox.state import shown_at

TWICE = 7
"""Every so many exports one is written twice."""
HANDOFF_TOOL = "transfer_to_person"
_MODEL = "gpt-4o-mini-2024-07-18"
_ERRORS = {"ok": None, "failed": "500", "timeout": "timeout", "partial": "partial"}

Export = tuple[datetime, bytes]


def exports(company: Company, desk: str = "zendesk") -> list[Export]:
    """The lines that are written, each with the moment of its writing, ascending."""
    people = {one.customer_id: one for one in company.customers}
    found: list[Export] = []
    for turn in ai_turns(company, desk):
        writer = _Turn(turn, people[turn.conversation.customer_id])
        found += writer.exports()
    found.sort(key=lambda one: one[0])
    return [one for number, line in enumerate(found) for one in ([line, line] if number % TWICE == 0 else [line])]


def exported_at(turn: Turn) -> datetime:
    """When a turn is written: at its end, and not before its words show."""
    return turn.answer_shown_at or turn.shown_at


class _Turn:
    def __init__(self, turn: Turn, customer: Customer) -> None:
        self._turn = turn
        self._customer = customer
        number = ids.number(turn.conversation.conversation_id)
        self._way = ("attributes", "logs", "events")[number % 3]
        self._is_hex = number % 2 == 0
        self._trace = _digest(f"{turn.conversation.conversation_id}|{turn.number}")

    def exports(self) -> Iterator[Export]:
        turn = self._turn
        moment = exported_at(turn)
        children = list(self._children())
        if children:
            yield moment, self._spans(children)
        if self._way == "logs":
            yield moment, self._logs([self._log(name, at, {}, body) for name, at, body in self._messages()])
        yield moment, self._spans([self._chat(), self._agent()])
        if turn.handoff is not None:
            yield max(moment, shown_at(turn.handoff)), self._spans([self._handoff(turn.handoff)])
        for rating in turn.ratings:
            yield max(moment, rating.at), self._logs(list(self._evaluations(rating)))

    # --- spans

    def _children(self) -> Iterator[dict[str, Any]]:
        turn = self._turn
        detail = turn.answer.answer if turn.answer is not None else None
        if detail is None:
            return
        documents = [
            {"id": str(ids.zendesk_id(article)), "version": version + 1, "score": relevance}
            for article, version, relevance in detail.sources
        ]
        found = {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": documents}
        yield self._span("retrieval articles", "retrieval", turn.began_at, turn.ended_at, found)
        for number, tool in enumerate(detail.tool_calls, start=1):
            began = turn.began_at + timedelta(milliseconds=number)
            said = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool.name}
            error = _ERRORS[tool.status]
            ended = began + timedelta(milliseconds=tool.duration_ms)
            more = {"status": {"code": 2}} if error else {}
            span = self._span(
                f"execute_tool {tool.name}",
                f"tool {number}",
                began,
                ended,
                said | ({"error.type": error} if error else {}),
            )
            yield span | more

    def _chat(self) -> dict[str, Any]:
        turn = self._turn
        said: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": _MODEL,
            "gen_ai.usage.input_tokens": len(turn.question.text) if turn.question else 0,
            "gen_ai.usage.output_tokens": len(turn.answer.text) if turn.answer else 0,
        }
        said["gen_ai.provider.name" if self._way == "attributes" else "gen_ai.system"] = "openai"
        span = self._span(f"chat {_MODEL}", "chat", turn.began_at, turn.ended_at, said)
        if self._way == "events":
            span["events"] = [
                {"name": name, "timeUnixNano": _nano(at), "attributes": _typed({"gen_ai.event.content": _text(body)})}
                for name, at, body in self._messages()
            ]
        return span

    def _agent(self) -> dict[str, Any]:
        turn, one = self._turn, self._turn.conversation
        topic = next((event.value for event in one.events if event.kind == "topic"), None)
        said = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": turn.agent.name,
            "gen_ai.agent.version": turn.version,
            "gen_ai.conversation.id": f"conversation-{one.conversation_id}",
            "enduser.id": self._customer.external_id,
            "support.channel": one.channel,
            "support.language": one.language,
            "support.product_area": one.product_area,
            "support.topic": topic,
            "support.ticket_id": ids.zendesk_id(one.conversation_id),
        }
        if turn.answer is not None and turn.answer.answer is not None:
            said |= {"support.confidence": turn.answer.answer.confidence, "support.intent": turn.answer.answer.intent}
        if self._way == "attributes":
            said |= self._latest()
        named = {name: value for name, value in said.items() if value is not None}
        return self._span(f"invoke_agent {turn.agent.name}", "agent", turn.began_at, turn.ended_at, named, is_root=True)

    def _handoff(self, handoff: Event) -> dict[str, Any]:
        """A trace of its own, in which nobody says anything."""
        said = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": HANDOFF_TOOL,
            "gen_ai.tool.call.arguments": _text({"reason": handoff.text} if handoff.text else {}),
            "gen_ai.agent.name": self._turn.agent.name,
            "gen_ai.conversation.id": f"conversation-{self._turn.conversation.conversation_id}",
        }
        span = self._span(f"execute_tool {HANDOFF_TOOL}", "handoff", handoff.at, handoff.at, said, is_root=True)
        return span | {"traceId": self._id(_digest(f"{self._trace}|handoff"))}

    # --- messages

    def _latest(self) -> dict[str, Any]:
        turn = self._turn
        heard: list[dict[str, Any]] = [
            {"role": "user", "parts": [{"type": "text", "content": "an earlier question"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "x", "arguments": {}}]},
        ]
        if turn.question is not None:
            heard.append({"role": "user", "parts": [{"type": "text", "content": turn.question.text}]})
        found = {"gen_ai.input.messages": _text(heard)}
        if turn.answer is not None:
            parts = [{"type": "text", "content": turn.answer.text}]
            # structured, as the conventions prefer where an exporter can
            found["gen_ai.output.messages"] = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
        return found

    def _messages(self) -> Iterator[tuple[str, datetime, dict[str, Any]]]:
        """(event, moment, body), by v1.36."""
        turn = self._turn
        yield "gen_ai.system.message", turn.began_at, {"content": "You are a support agent."}
        if turn.question is not None:
            yield "gen_ai.user.message", turn.began_at, {"content": turn.question.text}
        if turn.answer is not None:
            message = {"role": "assistant", "content": turn.answer.text}
            yield "gen_ai.choice", turn.ended_at, {"index": 0, "finish_reason": "stop", "message": message}

    def _evaluations(self, rating: Event) -> Iterator[dict[str, Any]]:
        scores: dict[str, Any] = {"csat": float(rating.value)}
        if self._turn.answer is not None:
            scores["thumbs"] = float(rating.value >= 4)
        for name, value in scores.items():
            said = {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": value}
            yield self._log("gen_ai.evaluation.result", rating.at, said, None)

    # --- OTLP

    def _id(self, digest: str) -> str:
        return digest if self._is_hex else base64.b64encode(bytes.fromhex(digest)).decode()

    def _span(
        self, name: str, own: str, began: datetime, ended: datetime, said: dict[str, Any], *, is_root: bool = False
    ) -> dict[str, Any]:
        return {
            "traceId": self._id(self._trace),
            "spanId": self._id(_digest(f"{self._trace}|{own}")[:16]),
            "parentSpanId": "" if is_root else self._id(_digest(f"{self._trace}|agent")[:16]),
            "name": name,
            "kind": 1,
            "startTimeUnixNano": _nano(began),
            "endTimeUnixNano": _nano(ended),
            "attributes": _typed(said),
            "status": {},
        }

    def _log(self, name: str, at: datetime, said: dict[str, Any], body: Any) -> dict[str, Any]:
        return {
            "timeUnixNano": _nano(at),
            "traceId": self._id(self._trace),
            "spanId": self._id(_digest(f"{self._trace}|chat")[:16]),
            "attributes": _typed({"event.name": name} | said),
            **({} if body is None else {"body": _value(body)}),
        }

    def _spans(self, spans: list[dict[str, Any]]) -> bytes:
        return _line("resourceSpans", "scopeSpans", "spans", spans)

    def _logs(self, records: list[dict[str, Any]]) -> bytes:
        return _line("resourceLogs", "scopeLogs", "logRecords", records)


def _line(outer: str, inner: str, name: str, records: list[dict[str, Any]]) -> bytes:
    resource = {"attributes": _typed({"service.name": "support-bot", "service.version": "2026.3"})}
    scoped = {"scope": {"name": "opentelemetry.instrumentation.agents", "version": "0.51b0"}, name: records}
    return orjson.dumps({outer: [{"resource": resource, inner: [scoped]}]}) + b"\n"


def _typed(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in said.items()]


def _value(value: Any) -> dict[str, Any]:
    """A typed value; whole numbers are texts, as JSON of OTLP has them."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _typed(value)}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": value}


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _nano(moment: datetime) -> str:
    return str(micros(moment) * 1000)


def _digest(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
