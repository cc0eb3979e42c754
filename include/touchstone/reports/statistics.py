"""Intervals of the figures that a report works out itself; the marts' own macros follow the same formulas."""

from __future__ import annotations

import math


def mean_interval(
    n: int, mean: float | None, stddev: float | None, z: float, floor: float = 0.0, ceiling: float = 100.0
) -> tuple[float, float] | None:
    """Bounds of the normal interval of a mean, mean +- z * s / sqrt(n), cut at the ends of the scale.

    Args:
        n: Number of scores.
        mean: Their mean, in the unit of the scale.
        stddev: Their sample standard deviation.
        z: Quantile of the normal distribution; 1.96 for 95 %.

    Returns:
        (low, high) in the unit of the scale, or None below two scores.
    """
    if n < 2 or mean is None or stddev is None:
        return None
    half = z * stddev / math.sqrt(n)
    return max(floor, mean - half), min(ceiling, mean + half)


def wilson_interval(successes: float, n: float, z: float) -> tuple[float, float] | None:
    """Bounds of the Wilson score interval of a proportion (Wilson 1927), as shares of 0 to 1; None without trials."""
    if n <= 0:
        return None
    share = successes / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def difference_interval(
    first: tuple[int, float, float | None], second: tuple[int, float, float | None], z: float
) -> tuple[float, float, float] | None:
    """Difference of two independent means with its normal interval (unequal variances, Welch 1947).

    Args:
        first: n, mean and sample standard deviation of the earlier group.
        second: The same of the later group.
        z: Quantile of the normal distribution.

    Returns:
        (second - first, low, high) in the unit of the scores, or None below two scores in either group.
    """
    (n_first, mean_first, sd_first), (n_second, mean_second, sd_second) = first, second
    if n_first < 2 or n_second < 2 or sd_first is None or sd_second is None:
        return None
    half = z * math.sqrt(sd_first**2 / n_first + sd_second**2 / n_second)
    change = mean_second - mean_first
    return change, change - half, change + half
