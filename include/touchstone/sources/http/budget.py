"""Request budgets that parallel tasks share: a few rows of the warehouse per source instance and group of endpoints.

Each row is a slot, which is taken for one period of the vendor's at a time: of n slots no window of that length, wherever it
begins, can see more than n requests. So all that is allowed may go at once after a pause, and all that is allowed goes in the
long run, whoever asks and however often a run begins anew. Where very much is allowed, a slot stands for several requests,
which it spreads over the period.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import psycopg

log = logging.getLogger(__name__)

MOST_SLOTS = 100
# requests reach the vendor later than they leave, and not all by as much
LATENESS = 2.0
LATENESS_SHARE = 0.08
LONG_WAIT = 30.0


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
    def slots(self) -> int:
        """Requests that may go at once after a pause."""
        return max(1, int(self.requests) // ceil(self.requests / MOST_SLOTS))

    @property
    def taken_for(self) -> float:
        """Seconds for which a request takes its slot: the period and the lateness that is allowed for, by the slot's requests."""
        period = self.seconds + min(LATENESS, LATENESS_SHARE * self.seconds)
        return period / (int(self.requests) // self.slots) if self.requests >= 1 else period / self.requests

    @property
    def spacing(self) -> float:
        """Seconds between two requests that are spread evenly."""
        return self.taken_for / self.slots


class SharedBudgets:
    """Slots of one source instance.

    Args:
        connection: In autocommit mode, and not the one that lands rows: a slot is taken outside of their transactions.
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
        self._made: set[str] = set()
        self.waited_seconds = 0.0

    def take(self, name: str) -> None:
        """Wait for the slot of a group that is free first; a group without a budget has no limit of its own."""
        budget = self._budgets.get(name)
        if budget is None:
            return
        with self._connection.transaction():
            self._lock(budget)
            (wait,) = self._connection.execute(
                """
                with first as (
                    select slot, greatest(free_at, clock_timestamp()) as goes_at from ops.api_slots
                    where source = %(source)s and instance = %(instance)s and budget = %(budget)s and slot < %(slots)s
                    order by free_at, slot limit 1
                )
                update ops.api_slots as held set free_at = first.goes_at + %(seconds)s * interval '1 second' from first
                where source = %(source)s and instance = %(instance)s and budget = %(budget)s and held.slot = first.slot
                returning extract(epoch from first.goes_at - clock_timestamp())::double precision
                """,
                self._parameters(budget) | {"seconds": budget.taken_for},
            ).fetchone()
        if wait > LONG_WAIT:
            log.info("%s: the budget %s is used up; on in %.0f s", ":".join(self._key), name, wait)
        if wait > 0:
            self.waited_seconds += wait
            self._sleep(wait)
        if budget.also:
            self.take(budget.also)

    def hold(self, name: str, seconds: float) -> None:
        """Let nobody of this instance ask again before the API's own pause is over; then, evenly: others use it up too."""
        budget = self._budgets.get(name)
        if budget is None:
            return
        with self._connection.transaction():
            self._lock(budget)
            self._connection.execute(
                """
                update ops.api_slots set free_at = greatest(
                    free_at, clock_timestamp() + (%(seconds)s + slot * %(spacing)s) * interval '1 second'
                )
                where source = %(source)s and instance = %(instance)s and budget = %(budget)s
                """,
                self._parameters(budget) | {"seconds": seconds, "spacing": budget.spacing},
            )

    def _lock(self, budget: Budget) -> None:
        """Keep others off this group until the transaction ends; its slots are made where it has none yet."""
        key = f"slots {':'.join(self._key)} {budget.name}"
        self._connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
        if budget.name not in self._made:
            self._connection.execute(
                """
                insert into ops.api_slots (source, instance, budget, slot, free_at)
                select %(source)s, %(instance)s, %(budget)s, slot, '-infinity' from generate_series(0, %(slots)s - 1) as slot
                on conflict do nothing
                """,
                self._parameters(budget),
            )
            self._made.add(budget.name)

    def _parameters(self, budget: Budget) -> dict[str, object]:
        return {"source": self._key[0], "instance": self._key[1], "budget": budget.name, "slots": budget.slots}
