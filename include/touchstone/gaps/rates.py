"""Differences of two shares, with Newcombe's interval (1998, method 10): the Wilson bounds of each, put together."""

from __future__ import annotations

from math import sqrt

import numpy as np


def wilson(hits: float, n: float, z: float) -> tuple[float, float]:
    """Bounds of a share; nothing is known of none."""
    if n <= 0:
        return 0.0, 1.0
    share = min(1.0, hits / n)
    middle = share + z * z / (2 * n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def difference(hits: float, n: float, other_hits: float, other_n: float, z: float) -> tuple[float, float, float]:
    """First share less the second, and the bounds of that."""
    if n <= 0 or other_n <= 0:
        return 0.0, -1.0, 1.0
    one, other = min(1.0, hits / n), min(1.0, other_hits / other_n)
    one_low, one_high = wilson(hits, n, z)
    other_low, other_high = wilson(other_hits, other_n, z)
    gap = one - other
    return (
        gap,
        gap - sqrt((one - one_low) ** 2 + (other_high - other) ** 2),
        gap + sqrt((one_high - one) ** 2 + (other - other_low) ** 2),
    )


def lows(hits: np.ndarray, n: np.ndarray, other_hits: np.ndarray, other_n: np.ndarray, z: float) -> np.ndarray:
    """Lower bounds of many differences at once, as `difference` works them out; -1 where nothing is known of either."""
    is_known = (n > 0) & (other_n > 0)
    n, other_n = np.where(is_known, n, 1.0), np.where(is_known, other_n, 1.0)
    one, other = np.clip(hits / n, 0.0, 1.0), np.clip(other_hits / other_n, 0.0, 1.0)
    low = one - (one + z * z / (2 * n) - z * np.sqrt(one * (1 - one) / n + z * z / (4 * n * n))) / (1 + z * z / n)
    root = np.sqrt(other * (1 - other) / other_n + z * z / (4 * other_n * other_n))
    high = (other + z * z / (2 * other_n) + z * root) / (1 + z * z / other_n) - other
    return np.where(is_known, one - other - np.sqrt(low**2 + high**2), -1.0)
