"""How a turn of an AI agent reads in Langfuse: as a trace, as observations of either generation of the API, and as scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from touchstone.sandbox.ai_turns import Turn
from touchstone.sandbox.api import ids, langfuse_ids
from touchstone.sandbox.api.calls import Call, tainted
from touchstone.sandbox.model import Company, Event
from touchstone.sandbox.state import shown_at

PROJECT = "project-1"
_LEVELS = {"ok": "DEFAULT", "failed": "ERROR", "timeout": "ERROR", "partial": "WARNING"}
_NOTES = {"failed": "upstream answered 500", "timeout": "timed out", "partial": "some fields are missing"}
_MODEL = "gpt-4o-mini-2024-07-18"
_SHORT = 200


@dataclass(frozen=True, slots=True)
class Step:
    """One observation of a turn; a step that has not ended has neither end nor output."""

    step_id: str
    kind: str
    name: str
    began_at: datetime
    ended_at: datetime | None
    updated_at: datetime
    input: Any = None
    output: Any = None
    level: str = "DEFAULT"
    note: str | None = None
    tokens: tuple[int, int] = (0, 0)

    @property
    def is_root(self) -> bool:
        return self.kind == "AGENT"


class Records:
    """The company's turns in Langfuse's words."""

    def __init__(self, company: Company, turns: list[Turn]) -> None:
        self._customers = {one.customer_id: one for one in company.customers}
        self._trace_ids = {id(turn): langfuse_ids.trace_id(turn) for turn in turns}

    def trace_id(self, turn: Turn) -> str:
        return self._trace_ids[id(turn)]

    def trace(self, turn: Turn, call: Call) -> dict[str, Any]:
        """As GET /traces lists it."""
        has_answer = _is_answered(turn, call.now)
        steps = self.steps(turn, call.now)
        ended = max((step.ended_at for step in steps if step.ended_at), default=turn.began_at)
        record = {
            "id": self.trace_id(turn),
            "timestamp": iso(turn.began_at),
            "name": turn.agent.name,
            "input": self._input(turn, call),
            "output": {"role": "assistant", "content": _said(turn.answer, call)} if has_answer else None,
            "sessionId": self._session(turn, call),
            "release": None,
            "version": turn.version,
            "userId": self._customers[turn.conversation.customer_id].external_id,
            "metadata": self._metadata(turn, call),
            "tags": ["support", f"channel:{turn.conversation.channel}"],
            "public": False,
            "environment": "production",
            "htmlPath": f"/project/{PROJECT}/traces/{self.trace_id(turn)}",
            "latency": round((ended - min(step.began_at for step in steps)).total_seconds(), 3) if has_answer else 0,
            "totalCost": 0.0004,
            "observations": [step.step_id for step in steps],
            "scores": [],
        }
        return record | {"bookmarkedBy": None} if call.traps.drift.new_field else record

    def steps(self, turn: Turn, now: datetime) -> list[Step]:
        """The observations of a turn, the root first."""
        has_answer = _is_answered(turn, now)
        updated = turn.answer_shown_at if has_answer else turn.shown_at
        if turn.handoff is not None and shown_at(turn.handoff) <= now:
            updated = max(updated, shown_at(turn.handoff))

        def step(kind: str, name: str, began: datetime, ended: datetime | None, **more: Any) -> Step:
            own = langfuse_ids.observation_id(turn, name)
            return Step(own, kind, name, began, ended, updated, **more)

        root = step("AGENT", turn.agent.name, turn.began_at, turn.ended_at if has_answer else None)
        if not has_answer:
            return [root]
        found, detail, end = [root], turn.answer.answer, turn.ended_at
        tokens = (len(turn.question.text) if turn.question else 0, len(turn.answer.text))
        began = turn.began_at + (end - turn.began_at) / 2
        found.append(step("GENERATION", "answer", began, end, tokens=tokens))
        if detail is None:
            return found
        documents = [
            {"article_id": str(ids.zendesk_id(article)), "version": version + 1, "score": relevance}
            for article, version, relevance in detail.sources
        ]
        found.append(step("RETRIEVER", "search_articles", turn.began_at, began, output={"documents": documents}))
        for number, tool in enumerate(detail.tool_calls, start=1):
            # calls that run side by side, in the order in which they were begun
            begun = turn.began_at + timedelta(milliseconds=number)
            finished = begun + timedelta(milliseconds=tool.duration_ms)
            one = step("TOOL", tool.name, begun, finished, level=_LEVELS[tool.status], note=_NOTES.get(tool.status))
            found.append(one)
        return found

    def old_observation(self, turn: Turn, step: Step, call: Call) -> dict[str, Any]:
        """As GET /observations lists it."""
        return {
            **self._core(turn, step),
            "name": step.name,
            "completionStartTime": None,
            "model": _MODEL if step.kind == "GENERATION" else None,
            "modelParameters": {},
            "input": self._input(turn, call) if step.is_root else None,
            "output": self._output(turn, step, call),
            "version": turn.version,
            "metadata": self._metadata(turn, call) if step.is_root else {},
            "usage": {"input": step.tokens[0], "output": step.tokens[1], "total": sum(step.tokens), "unit": "TOKENS"},
            "level": step.level,
            "statusMessage": step.note,
            "promptId": None,
            "usageDetails": _usage(step),
            "costDetails": {"total": 0.0004} if step.kind == "GENERATION" else {},
            "environment": "production",
            "promptName": None,
            "promptVersion": None,
            "modelId": None,
            "inputPrice": None,
            "outputPrice": None,
            "totalPrice": None,
            "calculatedInputCost": None,
            "calculatedOutputCost": None,
            "calculatedTotalCost": None,
            "latency": (step.ended_at - step.began_at).total_seconds() if step.ended_at else None,
            "timeToFirstToken": None,
        }

    def observation(self, turn: Turn, step: Step, call: Call, groups: set[str], whole: set[str]) -> dict[str, Any]:
        """As GET /v2/observations lists it: inputs and outputs as texts, long metadata cut unless its key is named."""
        metadata = {
            key: value if key in whole or not isinstance(value, str) else value[:_SHORT]
            for key, value in (self._metadata(turn, call) if step.is_root else {}).items()
        }
        output = self._output(turn, step, call)
        by_group = {
            "basic": {
                "name": step.name,
                "level": step.level,
                "statusMessage": step.note,
                "version": turn.version,
                "environment": "production",
                "bookmarked": False,
                "public": False,
                "userId": self._customers[turn.conversation.customer_id].external_id,
                "sessionId": self._session(turn, call),
                "isRootObservation": step.is_root,
            },
            "time": {
                "completionStartTime": None,
                "createdAt": iso(turn.shown_at),
                "updatedAt": iso(step.updated_at),
            },
            "io": {
                "input": _dumped(self._input(turn, call)) if step.is_root else None,
                "output": _dumped(output),
            },
            "metadata": {"metadata": metadata},
            "model": {
                "providedModelName": _MODEL if step.kind == "GENERATION" else None,
                "internalModelId": None,
                "modelParameters": None,
            },
            "usage": {
                "usageDetails": _usage(step),
                "costDetails": {"total": 0.0004} if step.kind == "GENERATION" else {},
                "totalCost": 0.0004 if step.kind == "GENERATION" else None,
                "usagePricingTierName": None,
            },
            "prompt": {"promptId": None, "promptName": None, "promptVersion": None},
            "metrics": {
                "latency": (step.ended_at - step.began_at).total_seconds() if step.ended_at else None,
                "timeToFirstToken": None,
            },
            "trace_context": {
                "tags": ["support", f"channel:{turn.conversation.channel}"],
                "release": None,
                "traceName": turn.agent.name,
            },
        }
        record = {
            **self._core(turn, step),
            "projectId": PROJECT,
            "modelId": None,
            "inputPrice": None,
            "outputPrice": None,
            "totalPrice": None,
        }
        for group in groups - {"core"}:
            record |= by_group[group]
        return record | {"bookmarkedBy": None} if call.traps.drift.new_field else record

    # --- scores

    def old_score(self, turn: Turn, event: Event, number: int, name: str) -> dict[str, Any]:
        """As GET /v2/scores lists it."""
        is_thumb = name == "thumbs"
        value = float(event.value >= 4) if is_thumb else float(event.value)
        stated = {"stringValue": "True" if value else "False"} if is_thumb else {}
        return {
            **_score(turn, event, number, name),
            "traceId": self.trace_id(turn) if is_thumb else None,
            "sessionId": None if is_thumb else langfuse_ids.session_id(turn.conversation.conversation_id),
            "observationId": None,
            "datasetRunId": None,
            "dataType": "BOOLEAN" if is_thumb else "NUMERIC",
            "value": value,
            **stated,
            "authorUserId": None,
            "comment": event.text or None,
            "metadata": {},
            "configId": None,
            "queueId": None,
        }

    def score(self, turn: Turn, event: Event, number: int, name: str) -> dict[str, Any]:
        """As GET /v3/scores lists it, with all groups of fields."""
        is_thumb = name == "thumbs"
        session = langfuse_ids.session_id(turn.conversation.conversation_id)
        return {
            **_score(turn, event, number, name),
            "projectId": PROJECT,
            "dataType": "BOOLEAN" if is_thumb else "NUMERIC",
            "value": event.value >= 4 if is_thumb else float(event.value),
            "comment": event.text or None,
            "configId": None,
            "metadata": {},
            "authorUserId": None,
            "queueId": None,
            "subject": {"kind": "trace", "id": self.trace_id(turn)} if is_thumb else {"kind": "session", "id": session},
        }

    # --- pieces

    def _core(self, turn: Turn, step: Step) -> dict[str, Any]:
        return {
            "id": step.step_id,
            "traceId": self.trace_id(turn),
            "type": step.kind,
            "startTime": iso(step.began_at),
            "endTime": iso(step.ended_at) if step.ended_at else None,
            "parentObservationId": None if step.is_root else langfuse_ids.observation_id(turn, turn.agent.name),
        }

    def _session(self, turn: Turn, call: Call) -> str | None:
        """The session; of an odd conversation it may be named some time after its traces show."""
        late = timedelta(seconds=call.traps.langfuse_session_late_seconds)
        conversation = turn.conversation
        if late and ids.number(conversation.conversation_id) % 2 and turn.shown_at + late > call.now:
            return None
        return langfuse_ids.session_id(conversation.conversation_id)

    def _input(self, turn: Turn, call: Call) -> Any:
        """What the agent was given: every third as a list with instructions, others as an object or a text."""
        if turn.question is None:
            return None
        text = _said(turn.question, call)
        shape = ids.message_numbers(turn.question.message_id)[0] % 3
        if shape == 0:
            return {
                "messages": [
                    {"role": "system", "content": "You are a support agent."},
                    {"role": "user", "content": "an earlier question"},
                    {"role": "assistant", "content": "an earlier answer"},
                    {"role": "user", "content": [{"type": "text", "text": text}]},
                ]
            }
        return {"question": text} if shape == 1 else text

    def _output(self, turn: Turn, step: Step, call: Call) -> Any:
        if step.is_root and step.ended_at is not None:
            return {"role": "assistant", "content": _said(turn.answer, call)}
        return step.output

    def _metadata(self, turn: Turn, call: Call) -> dict[str, Any]:
        one = turn.conversation
        has_answer = _is_answered(turn, call.now) and turn.answer.answer is not None
        topic = next((event.value for event in one.events if event.kind == "topic"), None)
        found: dict[str, Any] = {
            "language": one.language,
            "product_area": one.product_area,
            "ticket_id": str(ids.zendesk_id(one.conversation_id)),
            "case": {"topic": topic},
            "prompt_notes": "Keep to the articles. " * 20,
        }
        if has_answer:
            found |= {"confidence": turn.answer.answer.confidence, "intent": turn.answer.answer.intent}
        if turn.handoff is not None and shown_at(turn.handoff) <= call.now:
            found["handoff"] = turn.handoff.text or True
        return found


def _is_answered(turn: Turn, now: datetime) -> bool:
    return turn.answer is not None and turn.answer_shown_at <= now


def _said(event: Event, call: Call) -> str:
    if call.traps.drift.nul_and_surrogates:
        return tainted(event.text, ids.message_numbers(event.message_id)[1])
    return event.text


def _usage(step: Step) -> dict[str, int]:
    if step.kind != "GENERATION":
        return {}
    return {"input": step.tokens[0], "output": step.tokens[1], "total": sum(step.tokens)}


def _score(turn: Turn, event: Event, number: int, name: str) -> dict[str, Any]:
    return {
        "id": langfuse_ids.score_id(turn, name, number),
        "name": name,
        "source": "API",
        "timestamp": iso(event.at),
        "createdAt": iso(event.at),
        "updatedAt": iso(event.at),
        "environment": "production",
    }


def _dumped(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def iso(moment: datetime) -> str:
    """Milliseconds and Z, as Langfuse writes moments."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
