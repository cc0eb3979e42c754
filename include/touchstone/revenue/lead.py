"""By how many weeks quality moves before engagement or forecasts do, judged by forecasts of weeks that the model has not seen.

For each lag, two regressions forecast the next week from the weeks before it: one by the outcome's own past, one with quality `lag` weeks
before as well (Granger 1969). The lead is the lag with the largest gain in squared error out of sample, with the origin rolling forward
(Tashman 2000), over the first half of the weeks that are forecast; what it gains is measured on the second half, which took no part in
the choice. Intervals come from a moving-block bootstrap of the weeks' losses (Kuensch 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

AUTOREGRESSION = 2
DRAWS = 999
FEWEST_WEEKS = 30


@dataclass(frozen=True, slots=True)
class Lead:
    """What quality foretells of one outcome in one segment.

    Attributes:
        weeks: Lag in weeks with the largest gain; None where there are too few weeks.
        gain: 1 - squared error with quality / without it, out of sample; below 0 quality foretells nothing.
        ci_low, ci_high: 95 % interval of the gain at that lag.
        weeks_low, weeks_high: 95 % interval of the lag.
        p: One-sided, share of draws in which the lag's gain is not above 0.
        n: Weeks on which the gain was measured.
    """

    weeks: int | None
    gain: float | None
    ci_low: float | None
    ci_high: float | None
    weeks_low: int | None
    weeks_high: int | None
    p: float | None
    n: int

    @property
    def is_insufficient(self) -> bool:
        return self.weeks is None


def lead(quality: np.ndarray, outcome: np.ndarray, *, most: int = 12, seed: int = 0) -> Lead:
    """The lead of quality over an outcome, two weekly series of one length without holes.

    Args:
        most: Largest lag tried, in weeks.

    Raises:
        ValueError: The series differ in length or have holes.
    """
    if quality.shape != outcome.shape:
        raise ValueError(f"{len(quality)} weeks of quality against {len(outcome)} of the outcome")
    if np.isnan(quality).any() or np.isnan(outcome).any():
        raise ValueError("a week without a value; fill it or cut the series there")
    start = most + AUTOREGRESSION
    first = start + max(20, (len(outcome) - start) // 3)
    half = (len(outcome) - first) // 2
    if half < FEWEST_WEEKS // 3:
        return Lead(None, None, None, None, None, None, None, max(half, 0))
    alone = _losses(outcome, None, 0, start, first)
    with_quality = np.stack([_losses(outcome, quality, lag, start, first) for lag in range(1, most + 1)])
    generator = np.random.default_rng(seed)
    chosen = _gains(with_quality[:, :half], alone[:half])
    best = int(np.argmax(chosen))
    draws = _blocks(half, generator)
    drawn = 1 - with_quality[:, draws].sum(axis=2) / alone[draws].sum(axis=1)
    weeks_low, weeks_high = np.quantile(np.argmax(drawn, axis=0) + 1, (0.025, 0.975), method="nearest")
    later, alone = with_quality[best, half:], alone[half:]
    draws = _blocks(len(later), generator)
    drawn = 1 - later[draws].sum(axis=1) / alone[draws].sum(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    p = (1 + int((drawn <= 0).sum())) / (1 + DRAWS)
    gain = float(_gains(later[None], alone)[0])
    return Lead(best + 1, gain, float(low), float(high), int(weeks_low), int(weeks_high), p, len(later))


def _gains(losses: np.ndarray, alone: np.ndarray) -> np.ndarray:
    return 1 - losses.sum(axis=1) / alone.sum()


def _losses(outcome: np.ndarray, quality: np.ndarray | None, lag: int, start: int, first: int) -> np.ndarray:
    """Squared errors of forecasts of each week from `first` on, each by what was known before it."""
    columns = [np.ones(len(outcome) - start)]
    columns += [outcome[start - back : len(outcome) - back] for back in range(1, AUTOREGRESSION + 1)]
    if quality is not None:
        columns.append(quality[start - lag : len(quality) - lag])
    x, y = np.stack(columns, axis=1), outcome[start:]
    losses = np.empty(len(outcome) - first)
    for place in range(first - start, len(y)):
        weights = np.linalg.lstsq(x[:place], y[:place], rcond=None)[0]
        losses[place - (first - start)] = (y[place] - x[place] @ weights) ** 2
    return losses


def _blocks(n: int, generator: np.random.Generator) -> np.ndarray:
    """Draws of n weeks in blocks of neighbours, about n ** (1/3) long."""
    length = max(2, round(n ** (1 / 3)))
    starts = generator.integers(0, n - length + 1, size=(DRAWS, -(-n // length)))
    return (starts[:, :, None] + np.arange(length)).reshape(DRAWS, -1)[:, :n]
