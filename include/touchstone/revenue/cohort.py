"""Quality met during onboarding against what accounts did afterwards.

Accounts are ranked by the mean quality of their first 90 days into thirds of equal size; what is compared is the share that expanded in
the 180 days after. The trend over the thirds is tested by Cochran and Armitage (Armitage 1955), each difference to the lowest third has
Newcombe's interval from two Wilson scores (Newcombe 1998, method 10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from touchstone.reports.statistics import wilson_interval

THIRDS = ("low", "middle", "high")
FEWEST_EVENTS = 10
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Third:
    """Accounts of one third of onboarding quality.

    Attributes:
        quality_low, quality_high: Smallest and largest mean quality among them.
        n: Accounts that were followed to the end; `expanded` of them expanded, `rate` is their share with its Wilson interval.
        difference: Rate less that of the lowest third, with its 95 % interval; None for the lowest.
    """

    third: str
    quality_low: float
    quality_high: float
    n: int
    expanded: int
    rate: float
    ci_low: float
    ci_high: float
    difference: float | None
    difference_low: float | None
    difference_high: float | None


@dataclass(frozen=True, slots=True)
class Cohort:
    """Attributes:
    thirds: From the lowest quality to the highest; empty where there are fewer than three accounts.
    p: Two-sided, of a trend of the rate over the thirds; None where the outcome does not vary.
    is_insufficient: A third holds fewer accounts than `min_n`, or fewer than `FEWEST_EVENTS` accounts expanded, or did not.
    """

    thirds: tuple[Third, ...]
    p: float | None
    is_insufficient: bool


def onboarding(quality: np.ndarray, expanded: np.ndarray, *, min_n: int = 30) -> Cohort:
    """Compare thirds of onboarding quality.

    Args:
        quality: Mean quality of each account's first 90 days.
        expanded: Whether it expanded in the 180 days after; only accounts whose 180 days have passed, or that left in them.
    """
    if len(quality) < len(THIRDS):
        return Cohort((), None, True)
    order = np.argsort(quality, kind="stable")
    parts = np.array_split(order, len(THIRDS))
    counts = [(len(part), int(expanded[part].sum())) for part in parts]
    lowest_n, lowest = counts[0]
    thirds = []
    for name, part, (n, count) in zip(THIRDS, parts, counts, strict=True):
        low, high = wilson_interval(count, n, Z)
        difference = (None, None, None) if name == THIRDS[0] else newcombe(count, n, lowest, lowest_n)
        span = float(quality[part].min()), float(quality[part].max())
        thirds.append(Third(name, *span, n, count, count / n, low, high, *difference))
    rarer = min(int(expanded.sum()), len(expanded) - int(expanded.sum()))
    return Cohort(tuple(thirds), _trend(counts), min(n for n, _ in counts) < min_n or rarer < FEWEST_EVENTS)


def newcombe(count: int, n: int, other: int, other_n: int) -> tuple[float, float, float]:
    """Difference of two shares with its 95 % interval."""
    share, other_share = count / n, other / other_n
    low, high = wilson_interval(count, n, Z)
    other_low, other_high = wilson_interval(other, other_n, Z)
    difference = share - other_share
    below = math.hypot(share - low, other_high - other_share)
    above = math.hypot(high - share, other_share - other_low)
    return difference, difference - below, difference + above


def _trend(counts: list[tuple[int, int]]) -> float | None:
    n = np.array([size for size, _ in counts], dtype=float)
    events = np.array([count for _, count in counts], dtype=float)
    step = np.arange(len(counts), dtype=float)
    share = events.sum() / n.sum()
    variance = share * (1 - share) * ((n * step**2).sum() - (n * step).sum() ** 2 / n.sum())
    if variance <= 0:
        return None
    statistic = (step * (events - n * share)).sum() / math.sqrt(variance)
    return float(2 * stats.norm.sf(abs(statistic)))
