"""By how many weeks quality moves before engagement or forecasts do, judged by forecasts of weeks that the model has not seen.

For each lag, two regressions forecast the next week of every account, or group of accounts, from the weeks before it: one by the
outcome's own past, one with quality `lag` weeks before as well (Granger 1969; pooled over accounts as Holtz-Eakin, Newey and Rosen 1988
do). The lead is the lag with the largest gain in squared error out of sample, with the origin rolling forward (Tashman 2000), over the
first half of the weeks that are forecast; what it gains is measured on the second half, which took no part in the choice. Intervals come
from a moving-block bootstrap of the weeks' losses (Kuensch 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from touchstone.revenue.draws import interval

AUTOREGRESSION = 2
DRAWS = 999
FEWEST_WEEKS = 30
FEWEST_EVENTS = 10
"""Weeks of units, in each half of those that are forecast, in which the outcome is another than the one that most have."""
MOST_LAG = 16
WIDTH = 3
"""Weeks around the lag over which quality is averaged where single weeks of an account hold little of it."""


@dataclass(frozen=True, slots=True)
class Lead:
    """What quality foretells of one outcome in one segment.

    Attributes:
        weeks: Lag in weeks with the largest gain; None where there are too few weeks, or too few in which something happens.
        gain: 1 - squared error with quality / without it, out of sample; below 0 quality foretells nothing.
        ci_low, ci_high: 95 % interval of the gain at that lag.
        weeks_low, weeks_high: 95 % interval of the lag.
        p: One-sided, share of draws in which the lag's gain is not above 0.
        n: Weeks on which the gain was measured.
        is_lower_worse: Whether lower quality goes with a larger outcome later; None where there are too few weeks.
    """

    weeks: int | None
    gain: float | None
    ci_low: float | None
    ci_high: float | None
    weeks_low: int | None
    weeks_high: int | None
    p: float | None
    n: int
    is_lower_worse: bool | None = None

    @property
    def is_insufficient(self) -> bool:
        return self.weeks is None


def lead(quality: np.ndarray, outcome: np.ndarray, *, most: int = MOST_LAG, width: int = 1, seed: int = 0) -> Lead:
    """The lead of quality over an outcome.

    Args:
        quality: Weeks, or units x weeks; NaN in a week in which nothing was judged.
        outcome: Of the same shape; NaN where there is nothing to forecast, as after an account has left.
        most: Largest lag tried, in weeks.
        width: Odd number of weeks over which quality is averaged, centred on the lag; lags that would need the week that is forecast are
            not tried.

    Raises:
        ValueError: The shapes differ, or a single series has holes.
    """
    if quality.shape != outcome.shape:
        raise ValueError(f"quality is of {quality.shape} (units, weeks), the outcome of {outcome.shape}")
    if quality.ndim == 1:
        if np.isnan(quality).any() or np.isnan(outcome).any():
            raise ValueError("a week without a value; fill it or cut the series there")
        quality, outcome = quality[None], outcome[None]
    half_width = width // 2
    lags = range(1 + half_width, most + 1)
    start = most + max(AUTOREGRESSION, half_width)
    weeks = outcome.shape[1]
    first = start + max(20, (weeks - start) // 3)
    half = (weeks - first) // 2
    if half < FEWEST_WEEKS // 3:
        return Lead(None, None, None, None, None, None, None, max(half, 0))
    departs = _departs(outcome)
    halves = departs[:, first : first + half], departs[:, first + half :]
    if outcome.shape[0] > 1 and min(int(part.sum()) for part in halves) < FEWEST_EVENTS:
        return Lead(None, None, None, None, None, None, None, half)
    known, seen = (np.ascontiguousarray(part.T) for part in _smoothed(quality, width))
    past = _Past.of(outcome, start)
    fitted = [_losses(past, seen, known, lag, start, first) for lag in lags]
    with_quality, alone, slopes = (np.stack(part) for part in zip(*fitted, strict=True))
    if (
        not np.isfinite(with_quality).all()
        or (alone[:, half:].sum(axis=1) == 0).any()
        or (alone[:, :half].sum(axis=1) == 0).any()
    ):
        return Lead(None, None, None, None, None, None, None, half)
    generator = np.random.default_rng(seed)
    best = int(np.argmax(_gains(with_quality[:, :half], alone[:, :half])))
    draws = _blocks(half, generator)
    drawn = _gains(with_quality[:, draws], alone[:, draws])
    weeks_low, weeks_high = np.quantile(np.argmax(drawn, axis=0) + lags[0], (0.025, 0.975), method="nearest")
    later, before = with_quality[best, half:], alone[best, half:]
    draws = _blocks(len(later), generator)
    drawn = _gains(later[draws], before[draws])
    gain = float(_gains(later, before))
    low, high = interval(gain, drawn)
    p = (1 + int((drawn <= 0).sum())) / (1 + DRAWS)
    return Lead(
        lags[best],
        gain,
        low,
        high,
        min(int(weeks_low), lags[best]),
        max(int(weeks_high), lags[best]),
        p,
        len(later),
        bool(slopes[best] < 0),
    )


def _departs(outcome: np.ndarray) -> np.ndarray:
    """Where the outcome is known and another than the commonest one."""
    known = ~np.isnan(outcome)
    values, counts = np.unique(outcome[known], return_counts=True)
    return known & (outcome != values[np.argmax(counts)]) if len(values) else known


def _gains(losses: np.ndarray, alone: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - losses.sum(axis=-1) / alone.sum(axis=-1)


def _smoothed(quality: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether anything was judged within the window around a week, and its mean as a difference to the mean of all; 0 where nothing was."""
    known = ~np.isnan(quality)
    centred = np.where(known, quality - (quality[known].mean() if known.any() else 0.0), 0.0)
    ends = width // 2
    counts = sum(_moved(known.astype(float), offset) for offset in range(-ends, ends + 1))
    sums = sum(_moved(centred, offset) for offset in range(-ends, ends + 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (counts > 0).astype(float), np.where(counts > 0, sums / counts, 0.0)


def _moved(matrix: np.ndarray, offset: int) -> np.ndarray:
    """Columns moved to the left by `offset`, zeros coming in."""
    moved = np.zeros_like(matrix)
    if offset > 0:
        moved[:, :-offset] = matrix[:, offset:]
    elif offset < 0:
        moved[:, -offset:] = matrix[:, :offset]
    else:
        moved[:] = matrix
    return moved


@dataclass(frozen=True)
class _Past:
    """What the forecasts of all lags share: the constant, the outcome's own past and the outcome itself.

    Attributes:
        is_told: Weeks x units: whether all of that is known; what is not takes no part.
        terms: Weeks x (constant, weeks before, outcome) x units.
        products: Of each week: terms x terms.
    """

    is_told: np.ndarray
    terms: np.ndarray
    products: np.ndarray

    @classmethod
    def of(cls, outcome: np.ndarray, start: int) -> _Past:
        weeks = outcome.shape[1]
        columns = [np.ones((weeks - start, len(outcome)))]
        columns += [outcome[:, start - back : weeks - back].T for back in range(1, AUTOREGRESSION + 1)]
        terms = np.stack([*columns, outcome[:, start:].T], axis=1)
        is_told = ~np.isnan(terms).any(axis=1)
        terms = np.where(is_told[:, None], terms, 0.0)
        return cls(is_told, terms, terms @ terms.transpose(0, 2, 1))

    def with_quality(self, known: np.ndarray, quality: np.ndarray) -> np.ndarray:
        """Products of each week of the constant, the weeks before, both of these, and the outcome."""
        own = self.products.shape[1]
        both = np.stack([known, quality], axis=1) * self.is_told[:, None]
        across = both @ np.concatenate([self.terms, both], axis=1).transpose(0, 2, 1)
        order = [*range(own - 1), own, own + 1, own - 1]
        found = np.empty((len(both), own + 2, own + 2))
        found[:, :own, :own] = self.products
        found[:, own:] = across
        found[:, :own, own:] = across[:, :, :own].transpose(0, 2, 1)
        return found[:, order][:, :, order]


def _losses(
    past: _Past, quality: np.ndarray, known: np.ndarray, lag: int, start: int, first: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Squared errors of the forecasts of each week from `first` on, each by what was known before it: with quality, and without;
    and the coefficient of quality over all weeks.

    All of it is made of the weeks' cross products, so a fit per week costs no more than one.

    Args:
        quality, known: Weeks x units.
    """
    weeks = len(quality)
    # of each week: (terms and outcome) x (terms and outcome)
    products = past.with_quality(known[start - lag : weeks - lag], quality[start - lag : weeks - lag])
    before = products.cumsum(axis=0)
    terms = products.shape[1] - 1
    weeks_before, forecast = before[first - start - 1 : -1], products[first - start :]
    found = []
    for used in (list(range(terms)), list(range(terms - 1))):
        weights = _solved(weeks_before, used)
        told = np.einsum("tu,tu->t", weights, forecast[:, used, -1])
        spread = np.einsum("tu,tuv,tv->t", weights, forecast[:, used][:, :, used], weights)
        found.append(forecast[:, -1, -1] - 2 * told + spread)
    return found[0], found[1], float(_solved(before[-1:], list(range(terms)))[0, -1])


def _solved(products: np.ndarray, used: list[int]) -> np.ndarray:
    """Least-squares weights of each fit; 0 for a term that says nothing beside the others.

    Args:
        products: Fits x (terms and outcome) x (terms and outcome).
    """
    scale = np.sqrt(np.diagonal(products, axis1=1, axis2=2)[:, used])
    scale[scale == 0] = 1.0
    normal = products[:, used][:, :, used] / (scale[:, :, None] * scale[:, None])
    sides = products[:, used, -1] / scale
    return np.einsum("tuv,tv->tu", np.linalg.pinv(normal, rcond=1e-10, hermitian=True), sides) / scale


def _blocks(n: int, generator: np.random.Generator) -> np.ndarray:
    """Draws of n weeks in blocks of neighbours, about n ** (1/3) long."""
    length = max(2, round(n ** (1 / 3)))
    starts = generator.integers(0, n - length + 1, size=(DRAWS, -(-n // length)))
    return (starts[:, :, None] + np.arange(length)).reshape(DRAWS, -1)[:, :n]
