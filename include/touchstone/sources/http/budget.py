"""Request budgets that parallel tasks share: one row of the warehouse per source instance and group of endpoints.

The row holds the theoretical arrival time of the next request (the generic cell rate algorithm, ITU-T I.371): taking a slot
moves it on by the budget's spacing, in one statement, so two tasks cannot take the same slot. Half of what is allowed may go at
once, the rest is spread, so that no window of the vendor's sees more than it allows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg


@dataclass(frozen=True)
class Budget:
    """What an API allows for a group of endpoints.

    Attributes:
        name: The group; every endpoint names one.
        requests: Requests that are allowed in each period.
        seconds: Length of the period.
        also: Another budget that each of its requests takes a slot of, where a vendor counts by hour and by second.
    """

    name: str
    requests: float
    seconds: float
    also: str | None = None

    @property
    def burst(self) -> int:
        """Requests that may go at once after a pause."""
        return max(1, int(self.requests) // 2)

    @property
    def spacing(self) -> float:
        """Seconds between two requests when the burst is spent."""
        return self.seconds / max(self.requests - self.burst, 1)


class SharedBudgets:
    """Slots of one source instance.

    Args:
        connection: In autocommit mode, and not the one that lands rows: a slot is taken outside of any transaction.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        source: str,
        instance: str,
        budgets: dict[str, Budget],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._key = (source, instance)
        self._budgets = budgets
        self._sleep = sleep
        self.waited_seconds = 0.0

    def take(self, name: str) -> None:
        """Wait for the next slot of a group; a group without a budget has no limit of its own."""
        budget = self._budgets.get(name)
        if budget is None:
            return
        (wait,) = self._connection.execute(
            """
            insert into ops.api_budgets as held (source, instance, budget, next_at)
            values (%(source)s, %(instance)s, %(budget)s, clock_timestamp() + %(spacing)s * interval '1 second')
            on conflict (source, instance, budget) do update
            set next_at = greatest(held.next_at, clock_timestamp()) + %(spacing)s * interval '1 second'
            returning extract(epoch from next_at - clock_timestamp())::double precision - %(burst)s * %(spacing)s
            """,
            self._parameters(name) | {"spacing": budget.spacing, "burst": budget.burst},
        ).fetchone()
        if wait > 0:
            self.waited_seconds += wait
            self._sleep(wait)
        if budget.also:
            self.take(budget.also)

    def hold(self, name: str, seconds: float) -> None:
        """Let nobody of this instance ask again before the API's own pause is over."""
        budget = self._budgets.get(name)
        seconds += budget.burst * budget.spacing if budget else 0.0
        self._connection.execute(
            """
            insert into ops.api_budgets as held (source, instance, budget, next_at)
            values (%(source)s, %(instance)s, %(budget)s, clock_timestamp() + %(seconds)s * interval '1 second')
            on conflict (source, instance, budget) do update set next_at = greatest(held.next_at, excluded.next_at)
            """,
            self._parameters(name) | {"seconds": seconds},
        )

    def _parameters(self, name: str) -> dict[str, object]:
        return {"source": self._key[0], "instance": self._key[1], "budget": name}
