"""Whether two shares differ: Newcombe's interval (1998, method 10), the Wilson bounds of each put together, and the exact test in
parts, each of which is compared with itself alone.
"""

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


def by_chance(hits: np.ndarray, n: np.ndarray, other_hits: np.ndarray, other_n: np.ndarray) -> float:
    """How likely at least as many hits are, if within every part hits and misses had fallen on both sides by chance.

    Fisher's exact test over parts (Mehta, Patel and Gray 1985): a part in which all are hits, or that one side lacks, says nothing.

    Args:
        hits: By part; so are the others.
    """
    spread, least, found = np.ones(1), 0, 0
    for mine, asked, other, other_asked in zip(
        *(np.rint(one).astype(int) for one in (hits, n, other_hits, other_n)), strict=True
    ):
        both, all_asked = mine + other, asked + other_asked
        if not (asked and other_asked and 0 < both < all_asked):
            continue
        low, high = max(0, both - other_asked), min(both, asked)
        counts = np.arange(low, high + 1)
        logs = _log_choose(both, counts) + _log_choose(all_asked - both, asked - counts) - _log_choose(all_asked, asked)
        spread = np.convolve(spread, np.exp(logs))
        least, found = least + low, found + mine
    return float(min(1.0, spread[found - least :].sum()))


def excess(hits: np.ndarray, n: np.ndarray, other_hits: np.ndarray, other_n: np.ndarray) -> np.ndarray:
    """Hits beyond those of chance in standard deviations (Cochran, Mantel and Haenszel), for many days at once: [part, day]."""
    both, asked = hits + other_hits, n + other_n
    with np.errstate(all="ignore"):
        expected = np.where(asked > 0, n * both / asked, 0.0)
        spread = np.where(asked > 1, n * other_n * both * (asked - both) / (asked * asked * (asked - 1)), 0.0)
        over, deviation = (hits - expected).sum(axis=0), np.sqrt(spread.sum(axis=0))
        return np.where(deviation > 0, over / deviation, -np.inf)


_log_factorials = np.zeros(1)


def _log_choose(n: int, k: np.ndarray | int) -> np.ndarray:
    global _log_factorials
    if n >= len(_log_factorials):
        _log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 2 * n + 2)))])
    return _log_factorials[n] - _log_factorials[k] - _log_factorials[n - k]
