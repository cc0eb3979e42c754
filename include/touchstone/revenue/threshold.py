"""The cut of quality below which accounts leave more: found on some accounts, measured on others.

The cut is the one with the largest log-rank statistic (Mantel 1966; with a covariate that changes over time, which is the score
test of Cox's model) among quantiles of quality, over the accounts of the training half. Its risk ratio, with interval, comes from
the other half, which took no part in the choice; the p-value of the largest statistic from permutations of quality among the accounts
at risk in the same month (Westfall and Young 1993), since a maximum over cuts has no table. What such a permutation leaves to chance is
who of the month's accounts left, so it is drawn as that: a multivariate hypergeometric draw from the month's counts by quality.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from touchstone.reports.statistics import wilson_interval
from touchstone.revenue.panel import Panel

QUANTILES = np.linspace(0.05, 0.95, 181)
PERMUTATIONS = 499
FEWEST_EVENTS = 10
QUARTER = (1, 2, 3)
"""Months after the one whose quality is looked at."""
BANDS = (0.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)
"""Lower limits of the bands of quality, and the end of the last."""
Z = 1.959963984540054
_NOTHING = 1e-12
"""Of a variance: what rounding leaves."""
_HALVES = np.uint64(0xD1B54A32D192ED03)


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


@dataclass(frozen=True, slots=True)
class Band:
    """Account-months with a mean quality from `low` to below `high`, and how many of these accounts left in the next quarter.

    Attributes:
        n: Account-months that were followed through the quarter, or left in it.
        ci_low, ci_high: 95 % interval of the share (Wilson), of as many months as these would be worth if no account had two.
    """

    segment: str | None
    low: float
    high: float
    n: int
    accounts: int
    churned: int
    ci_low: float | None
    ci_high: float | None


def _is_training(numbers: np.ndarray) -> np.ndarray:
    """The half of the accounts that cuts are found on; an account is always in the same half."""
    return (numbers * _HALVES) >> np.uint64(63) == 0


def _statistics(at_risk: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Log-rank chi-square of each cut.

    Args:
        at_risk, left: Account-months, and those in which the account left: months x bins of quality, the cuts between the bins; `left`
            may have further axes before these.
    """
    sizes, events = at_risk.sum(axis=-1), left.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(sizes > 1, events * (sizes - events) / (sizes - 1), 0.0) / sizes**2
        below = at_risk.cumsum(axis=-1)[..., :-1]
        expected = events[..., None] * below / sizes[:, None]
        excess = (left.cumsum(axis=-1)[..., :-1] - expected).sum(axis=-2)
        variance = (spread[..., None] * below * (sizes[:, None] - below)).sum(axis=-2)
        return np.where(variance > 0, excess * excess / variance, 0.0)


def thresholds(
    panel: Panel, measure: str, churned: str, *, lags: tuple[int, ...] = QUARTER, seed: int = 0
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
    account, month, quality, left = panel.pairs(measure, churned, lag, panel.sample(segment))
    is_training = _is_training(panel.numbers)[account]
    held_out = ~is_training
    events = int(left[is_training].sum()), int(left[held_out].sum())
    cuts = np.unique(np.quantile(quality[is_training], QUANTILES)) if is_training.any() else np.empty(0)
    if len(cuts) < 2 or min(events) == 0:
        return Threshold(segment, lag, None, None, None, 0, 0, 0, 0, None, None, None, True)
    at_risk, churned_by_bin = _counts(cuts, month[is_training], quality[is_training], left[is_training])
    statistics = _statistics(at_risk, churned_by_bin)
    best = int(np.argmax(statistics))
    drawn = _shuffled(at_risk, churned_by_bin.sum(axis=1), np.random.default_rng(seed))
    larger = int((_statistics(at_risk, drawn).max(axis=1) >= statistics[best] * (1 - 1e-12)).sum())
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
        min(events) < FEWEST_EVENTS or not (below_n and above_n),
    )


def _counts(
    cuts: np.ndarray, month: np.ndarray, quality: np.ndarray, left: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Account-months at risk and those that left: months x bins between the cuts."""
    months, place = np.unique(month, return_inverse=True)
    bins = len(cuts) + 1
    # a bin holds what is below its cut and not below the one before
    cell = place * bins + np.searchsorted(cuts, quality, side="right")
    size = len(months) * bins
    at_risk = np.bincount(cell, minlength=size).reshape(-1, bins)
    return at_risk, np.bincount(cell, weights=left, minlength=size).astype(np.int64).reshape(-1, bins)


def _shuffled(at_risk: np.ndarray, events: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Who left, dealt anew among the accounts at risk in the same month: permutations x months x bins."""
    return np.stack(
        [
            generator.multivariate_hypergeometric(bins, count, size=PERMUTATIONS, method="count")
            for bins, count in zip(at_risk, events, strict=True)
        ],
        axis=1,
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


def next_quarter(churned: np.ndarray) -> np.ndarray:
    """Whether an account that was there in a month left in the three after it; NaN where they were not seen to their end.

    Args:
        churned: Months x accounts: 1 in the month in which an account left, 0 in those before, NaN from then on.
    """
    found = np.full(churned.shape, np.nan)
    last = len(churned) - len(QUARTER)
    for month in range(len(churned) - 1):
        after = churned[month + 1 : month + 1 + len(QUARTER)]
        left = (after == 1).any(axis=0)
        found[month, left] = 1
        if month < last:
            found[month, ~np.isnan(after).any(axis=0)] = 0
    found[(churned == 1) | np.isnan(churned)] = np.nan
    return found


def bands(panel: Panel, measure: str, churned: str, *, segment: str | None = None) -> list[Band]:
    """Share of accounts that left in the next quarter, by the quality of the month before it."""
    rows = panel.sample(segment)
    quality, left = panel.values[measure][:, rows], next_quarter(panel.values[churned][:, rows])
    # months whose quarter is not over count none, or only those who left would
    followed = max(len(quality) - len(QUARTER), 0)
    month, account = np.nonzero(~(np.isnan(quality) | np.isnan(left))[:followed])
    quality, left = quality[month, account], left[month, account]
    found = []
    for low, high in itertools.pairwise(BANDS):
        within = (quality >= low) & ((quality < high) if high < BANDS[-1] else (quality <= high))
        n, count = int(within.sum()), int(left[within].sum())
        accounts = len(np.unique(account[within]))
        ends = share_interval(account[within], left[within]) if n else (None, None)
        found.append(Band(segment, low, high, n, accounts, count, *ends))
    return found


def share_interval(account: np.ndarray, happened: np.ndarray) -> tuple[float, float]:
    """95 % interval of the share of months in which something happened, months of one account being alike.

    The months count as many as give the same variance when they are independent (Kish 1965; Dean and Pagano 2015), at least one per
    account where nothing tells how alike they are. A bootstrap would say of nobody who left that nobody ever will.
    """
    n, share = len(happened), float(happened.mean())
    _, place = np.unique(account, return_inverse=True)
    accounts = int(place.max()) + 1
    # what is left of each account when the share is taken away; the sum of their squares is the variance of the total
    rest = np.bincount(place, weights=happened - share)
    variance = float((rest**2).sum()) * accounts / max(accounts - 1, 1) / n**2
    worth = float(accounts) if variance < _NOTHING else min(max(share * (1 - share) / variance, 1.0), float(n))
    low, high = wilson_interval(worth * share, worth, Z)
    return min(low, share), max(high, share)
