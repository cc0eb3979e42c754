"""The cut of quality below which accounts leave more: found on some accounts, measured on others.

The cut is the one with the largest log-rank statistic (Mantel 1966; with a covariate that changes over time, which is the score
test of Cox's model) among quantiles of quality, over the accounts of the training half. Its risk ratio, with interval, comes from
the other half, which took no part in the choice; the p-value of the largest statistic from permutations of quality among the accounts
at risk in the same month (Westfall and Young 1993), since a maximum over cuts has no table.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

from touchstone.revenue.panel import Panel

QUANTILES = np.linspace(0.05, 0.95, 37)
PERMUTATIONS = 199
FEWEST_EVENTS = 10
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Threshold:
    """The cut of one segment.

    Attributes:
        lag: Months from quality to the months in which leaving is counted.
        cut: Quality below which an account counts as exposed; None where there is nothing to choose from.
        statistic: Largest log-rank chi-square (1 degree of freedom) on the training accounts; `p` by permutation.
        below_n, above_n: Account-months at risk among the held-out accounts; `below_churned`, `above_churned` left.
        risk_ratio: Share that left below the cut over that above it, held-out accounts; its 95 % interval on the log scale
            (Katz et al. 1978), with half an event added to each side where one has none.
        is_insufficient: Fewer than `FEWEST_EVENTS` accounts left in either half.
    """

    segment: str | None
    lag: int
    cut: float | None
    statistic: float | None
    p: float | None
    below_n: int
    below_churned: int
    above_n: int
    above_churned: int
    risk_ratio: float | None
    ci_low: float | None
    ci_high: float | None
    is_insufficient: bool


@dataclass(frozen=True)
class _AtRisk:
    """Account-months at risk, in the order of their months.

    Attributes:
        month, quality, churned: One entry per account-month.
        starts: Where each month begins.
    """

    month: np.ndarray
    quality: np.ndarray
    churned: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, month: np.ndarray, quality: np.ndarray, churned: np.ndarray) -> _AtRisk:
        order = np.argsort(month, kind="stable")
        month = month[order]
        starts = np.flatnonzero(np.r_[True, month[1:] != month[:-1]]) if len(month) else np.empty(0, dtype=np.int64)
        return cls(month, quality[order], churned[order], starts)

    def statistics(self, cuts: np.ndarray, quality: np.ndarray | None = None) -> np.ndarray:
        """Log-rank chi-square of each cut."""
        quality = self.quality if quality is None else quality
        sizes = np.diff(np.r_[self.starts, len(self.month)])
        events = np.add.reduceat(self.churned, self.starts)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.where(sizes > 1, events * (sizes - events) / (sizes - 1), 0.0) / sizes**2
        found = np.empty(len(cuts))
        for place, cut in enumerate(cuts):
            exposed = quality < cut
            below = np.add.reduceat(exposed.astype(float), self.starts)
            left = np.add.reduceat(self.churned * exposed, self.starts)
            excess = (left - events * below / sizes).sum()
            variance = (spread * below * (sizes - below)).sum()
            found[place] = excess * excess / variance if variance > 0 else 0.0
        return found

    def shuffled(self, generator: np.random.Generator) -> np.ndarray:
        """Quality dealt anew among the accounts at risk in the same month."""
        order = np.lexsort((generator.random(len(self.month)), self.month))
        return self.quality[order]


def thresholds(
    panel: Panel, measure: str, churned: str, *, lags: tuple[int, ...] = (1, 2, 3), seed: int = 0
) -> list[Threshold]:
    """The cut of all accounts and of each segment at each lag.

    Args:
        churned: Measure that is 1 in the month in which an account left, 0 in the months before, NaN from then on.
    """
    return [
        threshold(panel, measure, churned, segment=segment, lag=lag, seed=seed)
        for segment in (None, *panel.segment_names)
        for lag in lags
    ]


def threshold(
    panel: Panel, measure: str, churned: str, *, segment: str | None = None, lag: int = 1, seed: int = 0
) -> Threshold:
    """The cut of one segment at one lag; see the module for how it is found."""
    rows = panel.cells(segment)
    row, quality, left = panel.pairs(measure, churned, lag, rows)
    month = _months(panel, measure, churned, lag, rows)
    is_training = np.array([zlib.crc32(key.encode()) % 2 == 0 for key in panel.accounts])[row]
    training = _AtRisk.of(month[is_training], quality[is_training], left[is_training])
    held_out = ~is_training
    events = int(training.churned.sum()), int(left[held_out].sum())
    cuts = np.unique(np.quantile(training.quality, QUANTILES)) if len(training.quality) else np.empty(0)
    if len(cuts) < 2 or min(events) == 0:
        return Threshold(segment, lag, None, None, None, 0, 0, 0, 0, None, None, None, True)
    statistics = training.statistics(cuts)
    best = int(np.argmax(statistics))
    generator = np.random.default_rng(seed)
    larger = sum(
        training.statistics(cuts, training.shuffled(generator)).max() >= statistics[best] for _ in range(PERMUTATIONS)
    )
    exposed = quality[held_out] < cuts[best]
    outcome = left[held_out]
    below_n, above_n = int(exposed.sum()), int((~exposed).sum())
    below, above = int(outcome[exposed].sum()), int(outcome[~exposed].sum())
    return Threshold(
        segment,
        lag,
        float(cuts[best]),
        float(statistics[best]),
        (1 + larger) / (1 + PERMUTATIONS),
        below_n,
        below,
        above_n,
        above,
        *risk_ratio(below, below_n, above, above_n),
        min(events) < FEWEST_EVENTS,
    )


def risk_ratio(below: int, below_n: int, above: int, above_n: int) -> tuple[float | None, float | None, float | None]:
    """Ratio of two shares with its 95 % interval; None without anybody at risk on either side."""
    if not below_n or not above_n:
        return None, None, None
    a, b = (below, above) if below and above else (below + 0.5, above + 0.5)
    n, m = (below_n, above_n) if below and above else (below_n + 0.5, above_n + 0.5)
    ratio = (a / n) / (b / m)
    error = math.sqrt(1 / a - 1 / n + 1 / b - 1 / m)
    return ratio, ratio * math.exp(-Z * error), ratio * math.exp(Z * error)


def _months(panel: Panel, first: str, second: str, lag: int, rows: np.ndarray) -> np.ndarray:
    """Month of the second value of each of `Panel.pairs`."""
    last = len(panel.months) - lag
    if last <= 0:
        return np.empty(0, dtype=np.int64)
    known = ~(np.isnan(panel.values[first][rows, :last]) | np.isnan(panel.values[second][rows, lag:]))
    return np.nonzero(known)[1] + lag
