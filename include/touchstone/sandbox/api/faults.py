"""Which requests meet which fault: drawn from the seed and the number of the request, or counted out beforehand."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from touchstone.sandbox.api.options import Fault, Traps

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class Plan:
    """What happens to one request.

    Attributes:
        refusal: rate_limited or server_error; None lets it through.
        retry_after: Of a 429; None: not said.
        body: How a good answer is broken.
        export: How a good export of product events (an endpoint named `<vendor>.export`) ends early.
        advance: Seconds that the clock moves before the answer.
    """

    refusal: str | None = None
    status: int = 500
    retry_after: float | None = None
    hang: float = 0.0
    body: str | None = None
    export: str | None = None
    advance: float = 0.0


class Faults:
    """Decides about requests one after the other.

    The draws of a request depend on the seed and on its number alone, so that switching one trap leaves the others' draws
    as they were.
    """

    def __init__(self, seed: int, traps: Traps) -> None:
        self._seed = seed
        self.set(traps)

    def set(self, traps: Traps, *, restart: bool = True) -> None:
        """Take over new traps; `restart` begins the counts of `faults` anew."""
        self._traps = traps
        if restart:
            self._counted: list[list[Any]] = [[fault, 0] for fault in traps.faults]

    def plan(self, number: int, endpoint: str) -> Plan:
        traps = self._traps
        dice = random.Random(f"{self._seed}|{number}")  # noqa: S311
        draws = [dice.random() for _ in range(5)]
        plan = Plan(status=dice.choice(traps.server_error_statuses))
        waits = traps.retry_after if isinstance(traps.retry_after, list) else [traps.retry_after]
        plan.retry_after = dice.choice(waits or [None])
        body, export = dice.choice(traps.broken_body_kinds), dice.choice(traps.cut_export_kinds)
        if any(fnmatchcase(endpoint, pattern) for pattern in traps.only):
            if traps.hang and draws[0] < traps.hang_share:
                plan.hang = traps.hang
            if draws[1] < traps.rate_limited:
                plan.refusal = "rate_limited"
            elif draws[2] < traps.server_error:
                plan.refusal = "server_error"
            if draws[3] < traps.broken_body:
                plan.body = body
            if draws[4] < traps.cut_export:
                plan.export = export
        for entry in self._counted:
            fault: Fault = entry[0]
            if fnmatchcase(endpoint, fault.endpoint):
                entry[1] += 1
                if fault.skip < entry[1] <= fault.skip + fault.times:
                    _apply(plan, fault)
        return plan


def _apply(plan: Plan, fault: Fault) -> None:
    match fault.kind:
        case "rate_limited":
            plan.refusal, plan.retry_after = "rate_limited", fault.retry_after
        case "server_error":
            plan.refusal, plan.status = "server_error", fault.status
        case "broken_body":
            plan.body = fault.body
        case "cut_export":
            plan.export = fault.export
        case "hang":
            plan.hang = fault.seconds
        case "advance_clock":
            plan.advance += fault.seconds


async def send_broken(send: Send, kind: str, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send a good answer so that it cannot be read.

    `cut` is complete as HTTP and cut as JSON; `disconnect` closes the connection in the midst of the promised length.
    """
    half = body[: max(1, len(body) // 2)]
    headers = [pair for pair in headers if pair[0] not in (b"content-length", b"content-type")]
    if kind == "html":
        sent, kind_of_content = b"<html><head><title>Please wait</title></head><body></body></html>", b"text/html"
    else:
        sent, kind_of_content = (b"" if kind == "empty" else half), b"application/json"
    promised = len(body) if kind == "disconnect" else len(sent)
    headers += [(b"content-type", kind_of_content), (b"content-length", str(promised).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sent, "more_body": kind == "disconnect"})
