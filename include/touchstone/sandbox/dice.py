"""Repeatable chance: one generator for each thing that is decided, derived from the seed and the thing's own name.

No generator is shared between things, so that deciding one thing more or less changes nothing else.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Dice(random.Random):
    """A generator with the draws that the simulation needs."""

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def pick(self, options: Sequence[_T]) -> _T:
        """One of the options, each alike."""
        return options[int(self.random() * len(options))]

    def whole(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return least + int(self.random() * (most - least + 1))

    def normal(self, spread: float) -> float:
        """Bell-shaped around 0, never beyond three spreads."""
        drawn = (self.random() + self.random() + self.random() - 1.5) * 2.0
        return drawn * spread

    def count(self, mean: float) -> int:
        """A Poisson count; for a mean above 30 its normal approximation."""
        if mean > 30:
            return max(0, round(mean + self.normal(math.sqrt(mean))))
        limit, product, drawn = math.exp(-mean), self.random(), 0
        while product > limit:
            product *= self.random()
            drawn += 1
        return drawn

    def seconds(self, least: float, most: float) -> timedelta:
        return timedelta(seconds=int(least + self.random() * (most - least)))

    def moment(self, start: datetime, end: datetime) -> datetime:
        """A whole second from `start` on and before `end`."""
        return start + timedelta(seconds=int(self.random() * (end - start).total_seconds()))


class Weighted(Generic[_T]):
    """Options with weights, drawn quickly many times."""

    __slots__ = ("_bounds", "options")

    def __init__(self, weights: Iterable[tuple[_T, float]]) -> None:
        pairs = list(weights)
        self.options: list[_T] = [option for option, _ in pairs]
        self._bounds = list(accumulate(weight for _, weight in pairs))

    def draw(self, dice: Dice) -> _T:
        place = bisect_right(self._bounds, dice.random() * self._bounds[-1])
        return self.options[min(place, len(self.options) - 1)]


def dice(seed: int, *name: object) -> Dice:
    """The generator of the thing of that name."""
    return Dice(f"{seed}|{'|'.join(map(str, name))}")
