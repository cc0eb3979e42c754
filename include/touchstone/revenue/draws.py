"""Bootstrap over whole accounts: months and weeks of one account resemble each other, accounts are independent.

Where there are more than `MOST_GROUPS` accounts they are drawn in groups of equal size (Efron and Tibshirani 1993, chapter 8; Cameron,
Gelbach and Miller 2008 for clusters). Groups of independent accounts are independent, and the cost no longer grows with them. Which
group an account is in follows from its number alone, so the same accounts give the same intervals whatever way they came.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import stdtr
from statsmodels.stats.multitest import multipletests

MOST_GROUPS = 500
DRAWS = 1000
_ENDS = (0.025, 0.975)
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Draws:
    """The draws of a set of accounts, the same for every figure about them.

    Attributes:
        groups: How many groups are drawn.
        group: Group of each account.
        weights: Draws x groups: how often each group was drawn.
    """

    def __init__(self, numbers: np.ndarray, seed: int, most: int = MOST_GROUPS, draws: int = DRAWS) -> None:
        """
        Args:
            numbers: One unsigned 64-bit number per account, the same in every run.
        """
        count = len(numbers)
        self.groups = min(max(count, 1), most)
        # Fibonacci hashing: neighbouring numbers go apart
        order = np.argsort((numbers ^ (numbers >> np.uint64(31))) * _MIX, kind="stable")
        self.group = np.empty(count, dtype=np.int64)
        self.group[order] = np.arange(count) % self.groups
        self.weights = _weights(self.groups, seed, draws)

    def sums(self, account: np.ndarray, *columns: np.ndarray) -> np.ndarray:
        """Sums of columns (one entry per observation) by group: groups x columns."""
        group = self.group[account]
        return np.stack([np.bincount(group, weights=column, minlength=self.groups) for column in columns], axis=1)

    def slots(self) -> np.ndarray:
        """Positions of the accounts, groups x largest size; -1 where a group is smaller."""
        size = -(-len(self.group) // self.groups)
        order = np.argsort(self.group, kind="stable")
        place = np.arange(len(order)) - np.searchsorted(self.group[order], self.group[order])
        found = np.full((self.groups, max(size, 1)), -1, dtype=np.int64)
        found[self.group[order], place] = order
        return found


@lru_cache(maxsize=8)
def _weights(groups: int, seed: int, draws: int) -> np.ndarray:
    """How often each group is drawn; the same for all sets of accounts of as many groups, and not to be written to."""
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(groups, np.full(groups, 1 / groups), size=draws).astype(float)
    weights.flags.writeable = False
    return weights


def interval(value: float, drawn: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of the draws that gave a figure, wide enough to hold the value itself."""
    low, high = quantiles(drawn[None])
    return min(float(low[0]), value), max(float(high[0]), value)


def quantiles(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % percentile interval of each row of draws; NaN for one in which no draw gave a figure."""
    ends = np.full((2, len(drawn)), np.nan)
    is_whole = np.isfinite(drawn).all(axis=1)
    if is_whole.any():
        ends[:, is_whole] = np.quantile(drawn[is_whole], _ENDS, axis=1)
    for row in np.flatnonzero(~is_whole):
        figures = drawn[row, np.isfinite(drawn[row])]
        if len(figures):
            ends[:, row] = np.quantile(figures, _ENDS)
    return ends[0], ends[1]


def p_value(value: float, drawn: np.ndarray, clusters: int) -> float:
    """Two-sided, of a value against its bootstrap standard error, by Student's t with one degree of freedom less than clusters."""
    figures = drawn[np.isfinite(drawn)]
    error = float(np.std(figures, ddof=1))
    if error == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * stdtr(max(clusters - 1, 1), -abs(value) / error))


def q_values(p: list[float | None]) -> list[float | None]:
    """p-values after Benjamini and Hochberg (1995) over those that are known."""
    tested = [number for number, value in enumerate(p) if value is not None]
    found: list[float | None] = [None] * len(p)
    if tested:
        adjusted = multipletests([p[number] for number in tested], method="fdr_bh")[1]
        for number, q in zip(tested, adjusted, strict=True):
            found[number] = float(q)
    return found
