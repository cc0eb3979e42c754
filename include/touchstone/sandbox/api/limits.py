"""The vendors' request limits, enforced on real time with windows that can be made shorter."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests within a rolling window of seconds, shared by all endpoints that name it.

    Attributes:
        policy: How the vendor calls it in its refusal.
        tells_wait: Whether the refusal says how long to wait.
    """

    name: str
    requests: int
    window: float
    policy: str = ""
    tells_wait: bool = True


class RateLimiter:
    """Counts the requests that were let through; a refused one costs nothing."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = defaultdict(deque)

    def check(self, limits: Iterable[Limit], scale: float) -> tuple[Limit, float] | None:
        """The limit that a request would break now, with the seconds until it would not; None counts the request."""
        now = time.monotonic()
        limits = tuple(limits)
        for limit in limits:
            seen, window = self._seen[limit.name], limit.window * scale
            while seen and seen[0] <= now - window:
                seen.popleft()
            if len(seen) >= limit.requests:
                return limit, seen[0] + window - now
        for limit in limits:
            self._seen[limit.name].append(now)
        return None

    def remaining(self, limit: Limit) -> int:
        return max(0, limit.requests - len(self._seen[limit.name]))
