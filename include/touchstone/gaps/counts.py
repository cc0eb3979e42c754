"""Daily counts of a gap, kept as running sums so that any window of days costs the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Part(NamedTuple):
    """Whose questions are compared with each other: those of one version of the AI agents of one instance."""

    source: str
    instance: str
    agent_version: str | None


@dataclass
class Counts:
    """Daily counts of one gap, by part and day since the first one of all; sums up to and without a day.

    Attributes:
        asked: Questions asked on the day, estimated where only a sample of the answered ones is known.
        failed: Questions asked on the day that failed.
        known: Questions whose failure first showed on the day; misled: those of them of which the AI agent was sure; lacking: the same
            of signs that nothing fitting was found; unsure: of low confidence.
        signals: Signs of the questions whose first sign came on the day.
        parts: In the order of the rows.
    """

    asked: np.ndarray
    failed: np.ndarray
    known: np.ndarray
    lacking: np.ndarray
    unsure: np.ndarray
    misled: np.ndarray
    signals: np.ndarray
    parts: Sequence[Part]

    def __post_init__(self) -> None:
        names = ("asked", "failed", "known", "lacking", "unsure", "misled", "signals")
        begin = np.zeros((len(self.parts), 1))
        self._by_part = {
            name: np.hstack([begin, np.cumsum(getattr(self, name), axis=1, dtype=np.float64)]) for name in names
        }
        self._sums = {name: by_part.sum(axis=0) for name, by_part in self._by_part.items()}
        self.days_with_signals = self.signals.sum(axis=0) > 0
        desks = [part[:2] for part in self.parts]
        self.desks = np.array([[one == desk for one in desks] for desk in sorted(set(desks))], dtype=np.float64)
        """Which parts, in columns, each instance consists of, in rows."""

    def totals(self, name: str, length: int, days: int) -> np.ndarray:
        """By day, for the first `days` of them, the sum over the `length` days that end with it."""
        sums = self._sums[name]
        ends = np.arange(1, days + 1)
        return sums[ends] - sums[np.maximum(0, ends - length)]

    def desk_totals(self, name: str, length: int, days: int) -> np.ndarray:
        """`totals` by instance."""
        sums = self.desks @ self._by_part[name]
        ends = np.arange(1, days + 1)
        return sums[:, ends] - sums[:, np.maximum(0, ends - length)]

    def same_desk(self, part: int) -> np.ndarray:
        """Which parts belong to the instance of one, itself among them."""
        return self.desks[self.desks[:, part] > 0][0] > 0

    def by_part(self, name: str, first: int, last: int) -> np.ndarray:
        """Sums over the days first to last, both counted in, by part."""
        sums = self._by_part[name]
        return sums[:, last + 1] - sums[:, max(0, first)] if last >= first else np.zeros(len(self.parts))

    def total(self, name: str, first: int, last: int) -> float:
        """Sum over the days first to last, both counted in."""
        if last < first:
            return 0.0
        sums = self._sums[name]
        return float(sums[last + 1] - sums[max(0, first)])
