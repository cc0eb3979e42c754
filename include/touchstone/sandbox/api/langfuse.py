"""Langfuse's public API: the turns of the company's AI agents as traces, their steps as observations, ratings as scores.

Both of its generations are served: traces, observations and scores by page number, and observations and scores by cursor, where
a trace is its root observation. Ingestion is asynchronous: a trace shows before its output, and changes once more with it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np

from touchstone.sandbox.ai_turns import Turn, ai_turns
from touchstone.sandbox.api.calls import Answer, Call, Endpoint, Refusal, html, integer
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.langfuse_records import Records
from touchstone.sandbox.api.limits import Limit
from touchstone.sandbox.api.options import SandboxOptions
from touchstone.sandbox.model import Company

MINUTELY = Limit("langfuse.minute", 30, 60.0, "requests per minute")
PUBLIC = "/api/public"
GROUPS = frozenset("core basic time io metadata model usage prompt metrics trace_context".split())  # noqa: SIM905
SHORT = 200
_ORDERS = ("timestamp.asc", "timestamp.desc")

# position of the record in its list, and the record
Listed = tuple[int, dict[str, Any]]


class Langfuse:
    """One project."""

    prefix = "/langfuse"

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        turns = ai_turns(company, "zendesk")
        self._records = Records(company, turns)
        self._turns = turns
        self._began = np.array([micros(one.began_at) for one in turns], dtype=np.int64)
        self._shown = np.array([micros(one.shown_at) for one in turns], dtype=np.int64)
        rated = [(turn, event, number) for turn in turns for number, event in enumerate(turn.ratings, start=1)]
        self._rated = sorted(rated, key=lambda one: (one[1].at, one[0].conversation.conversation_id))

    def endpoints(self) -> list[Endpoint]:
        def row(name: str, path: str, handler: Callable[[Call], Answer]) -> Endpoint:
            return Endpoint(f"langfuse.{name}", "GET", f"{PUBLIC}{path}", handler, (MINUTELY,))

        return [
            row("traces", "/traces", self.traces),
            row("observations", "/observations", self.observations),
            row("scores_v2", "/v2/scores", self.scores_v2),
            row("observations_v2", "/v2/observations", self.observations_v2),
            row("scores_v3", "/v3/scores", self.scores_v3),
        ]

    def authorise(self, call: Call) -> None:
        known = call.credentials.langfuse
        if call.basic() != (known.public_key, known.secret_key):
            raise Refusal(_error(401, "UnauthorizedError", "Invalid credentials. Confirm that the keys are correct."))

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer:
        answer = _error(429, "TooManyRequests", "Rate limit exceeded")
        if retry_after is not None:
            answer.headers["Retry-After"] = f"{retry_after:g}"
        return answer

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        return {"X-RateLimit-Limit": str(limit.requests), "X-RateLimit-Remaining": str(remaining)}

    def failure(self, status: int) -> Answer:
        return html(status, f"{status} Server Error")

    def unknown(self, path: str) -> Answer:
        return _error(404, "NotFoundError", f"{path} not found")

    # --- by page number

    def traces(self, call: Call) -> Answer:
        """GET /traces: page by page, in the order that `orderBy` names, the newest first without it."""
        _only(call, "v3")
        order = call.query.get("orderBy", "timestamp.desc")
        if order not in _ORDERS:
            raise Refusal(_error(400, "InvalidRequestError", f"orderBy must be one of {', '.join(_ORDERS)} here"))
        shown = self._shown_turns(call, "fromTimestamp", "toTimestamp")
        if order == "timestamp.desc":
            shown = shown[::-1]
        return _page(call, shown, lambda turn: self._records.trace(turn, call), 100)

    def observations(self, call: Call) -> Answer:
        """GET /observations: page by page, the newest first."""
        _only(call, "v3")
        steps = self._steps(call)
        return _page(call, steps, lambda one: self._records.old_observation(*one, call), 100)

    def scores_v2(self, call: Call) -> Answer:
        """GET /v2/scores: page by page, the newest first."""
        _only(call, "v3")
        return _page(call, self._scores(call), lambda one: self._records.old_score(*one), 100)

    # --- by cursor

    def observations_v2(self, call: Call) -> Answer:
        """GET /v2/observations: the newest first, with the groups of fields that `fields` names."""
        _only(call, "v4")
        groups = set(call.query.get("fields", "core,basic").split(","))
        if not groups <= GROUPS:
            raise Refusal(_error(400, "InvalidRequestError", f"unknown fields: {', '.join(sorted(groups - GROUPS))}"))
        whole = set(call.query.get("expandMetadata", "").split(","))
        steps = self._steps(call)
        answer = _cursored(
            call,
            steps,
            key=lambda one: f"{micros(one[1].began_at):020d}|{one[1].step_id}",
            show=lambda one: self._records.observation(*one, call, groups, whole),
            most=1000,
        )
        answer.content["meta"].pop("limit")
        return answer

    def scores_v3(self, call: Call) -> Answer:
        """GET /v3/scores: the newest first."""
        _only(call, "v4")
        return _cursored(
            call,
            self._scores(call),
            key=lambda one: f"{micros(one[1].at):020d}|{one[0].conversation.conversation_id}|{one[3]}",
            show=lambda one: self._records.score(*one),
            most=100,
        )

    # --- what shows

    def _shown_turns(self, call: Call, since: str, until: str, margin: int = 0) -> list[Turn]:
        """Turns that show by now and began between two parameters, ascending."""
        low = int(np.searchsorted(self._began, _moment(call, since, 0) - margin))
        high = int(np.searchsorted(self._began, _moment(call, until, 2**62) + margin))
        late = call.traps.langfuse_late_seconds * 1_000_000
        own = np.flatnonzero(self._shown[low:high] <= call.micros) + low
        if late:
            own = own[(own % 2 == 0) | (self._shown[own] + late <= call.micros)]
        gone = set(call.traps.langfuse_deleted)
        return [turn for place in own.tolist() if self._records.trace_id(turn := self._turns[place]) not in gone]

    def _steps(self, call: Call) -> list[Any]:
        """(turn, step) of the observations that show, the newest first."""
        low, high = _moment(call, "fromStartTime", 0), _moment(call, "toStartTime", 2**62)
        # steps begin some time around their turn
        turns = self._shown_turns(call, "fromStartTime", "toStartTime", margin=300_000_000)
        steps = [(turn, step) for turn in turns for step in self._records.steps(turn, call.now)]
        steps = [one for one in steps if low <= micros(one[1].began_at) < high]
        steps.sort(key=lambda one: (one[1].began_at, one[1].step_id), reverse=True)
        return steps

    def _scores(self, call: Call) -> list[Any]:
        """(turn, event, its number, name) of the scores that show, the newest first."""
        low, high = _moment(call, "fromTimestamp", 0), _moment(call, "toTimestamp", 2**62)
        found = [
            (turn, event, number, name)
            for turn, event, number in self._rated
            if low <= micros(event.at) < high and event.at <= call.now
            for name in ("csat", "thumbs")
            if name == "csat" or turn.answer is not None
        ]
        return found[::-1]


def _only(call: Call, api: str) -> None:
    """Version 4 has taken the older endpoints away, and version 3 lacks the newer ones."""
    if call.traps.langfuse_api not in (None, api):
        raise Refusal(_error(404, "NotFoundError", "This endpoint is not available on this version of Langfuse"))


def _limit(call: Call, most: int) -> int:
    limit = integer(call, "limit") if "limit" in call.query else 50
    if limit is None or not 0 < limit <= most:
        raise Refusal(_error(400, "InvalidRequestError", f"limit must be a number from 1 to {most}"))
    return limit


def _page(call: Call, records: list[Any], show: Callable[[Any], dict[str, Any]], most: int) -> Answer:
    limit, page = _limit(call, most), integer(call, "page") if "page" in call.query else 1
    if page is None or page < 1:
        raise Refusal(_error(400, "InvalidRequestError", "page must be a number from 1"))
    shown = [show(one) for one in records[(page - 1) * limit : page * limit]]
    meta = {"page": page, "limit": limit, "totalItems": len(records), "totalPages": -(-len(records) // limit)}
    return Answer({"data": shown, "meta": meta})


def _cursored(
    call: Call, records: list[Any], *, key: Callable[[Any], str], show: Callable[[Any], dict[str, Any]], most: int
) -> Answer:
    limit = _limit(call, most)
    stated = call.query.get("cursor")
    if stated is not None:
        try:
            after = base64.urlsafe_b64decode(stated).decode()
        except (binascii.Error, ValueError):
            after = ""
        if "|" not in after:
            raise Refusal(_error(400, "InvalidRequestError", "Invalid cursor format"))
        records = [one for one in records if key(one) < after]
    page = records[:limit]
    meta: dict[str, Any] = {"limit": limit}
    if len(records) > limit:
        meta["cursor"] = base64.urlsafe_b64encode(key(page[-1]).encode()).decode()
        if call.traps.langfuse_same_cursor and stated is not None:
            meta["cursor"] = stated
    return Answer({"data": [show(one) for one in page], "meta": meta})


def _moment(call: Call, name: str, default: int) -> int:
    if name not in call.query:
        return default
    try:
        found = datetime.fromisoformat(call.query[name])
        return micros(found)
    except (TypeError, ValueError):
        raise Refusal(_error(400, "InvalidRequestError", f"{name} must be a date-time with a zone")) from None


def _error(status: int, name: str, text: str) -> Answer:
    return Answer({"message": text, "error": name}, status)
