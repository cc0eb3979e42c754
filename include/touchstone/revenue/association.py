"""Correlation of quality with what happens to an account some months later, by segment, with intervals that respect accounts.

Months of one account resemble each other, so intervals and p-values come from a bootstrap of whole accounts (Efron and
Tibshirani 1993, chapter 8; Cameron, Gelbach and Miller 2008 for clusters). Where there are more than `MOST_GROUPS` accounts they
are drawn in random groups of equal size: groups of independent accounts are independent, and the cost no longer grows with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from touchstone.revenue.panel import Panel

Method = Literal["spearman", "pearson"]
METHODS: tuple[Method, ...] = ("spearman", "pearson")
MOST_GROUPS = 500
DRAWS = 1000
FEWEST_ACCOUNTS = 20


@dataclass(frozen=True, slots=True)
class Association:
    """One cell of the table of correlations.

    Attributes:
        segment: None for all accounts.
        lag: Months from the measure to the outcome.
        n: Pairs of months; `accounts` of them are independent.
        coefficient: -1 to 1; None where one side does not vary.
        ci_low, ci_high: 95 % bootstrap percentile interval over accounts.
        p: Two-sided, of the Fisher transform against its bootstrap standard error, by Student's t.
        q: p after Benjamini and Hochberg (1995) over all cells tested together.
        is_insufficient: Too few pairs or accounts to be read; p and q are None then.
    """

    measure: str
    outcome: str
    segment: str | None
    lag: int
    method: Method
    n: int
    accounts: int
    coefficient: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None
    q: float | None
    is_insufficient: bool


def associations(
    panel: Panel,
    measures: Sequence[str],
    outcomes: Sequence[str],
    *,
    lags: Iterable[int] = range(7),
    min_n: int = 30,
    seed: int = 0,
) -> list[Association]:
    """Every measure against every outcome at every lag, over all accounts and by segment, q-values over the whole table.

    Args:
        min_n: Pairs below which a cell is labelled insufficient.
        seed: Of the draws of accounts; the same panel and seed give the same table.
    """
    table: list[Association] = []
    for segment in (None, *panel.segment_names):
        rows = panel.cells(segment)
        draws = Draws(len(rows), np.random.default_rng(seed))
        place = np.empty(len(panel.accounts), dtype=np.int64)
        place[rows] = np.arange(len(rows))
        for measure in measures:
            for outcome in outcomes:
                for lag in lags:
                    row, x, y = panel.pairs(measure, outcome, lag, rows)
                    for method, cell in _cells(place[row], x, y, draws, min_n):
                        table.append(Association(measure, outcome, segment, lag, method, *cell))
    return _with_q(table)


class Draws:
    """Bootstrap draws of accounts, the same for every cell of a segment.

    Attributes:
        group: Group of each account.
        weights: Draws x groups: how often each group was drawn.
    """

    def __init__(self, accounts: int, generator: np.random.Generator) -> None:
        self.groups = min(max(accounts, 1), MOST_GROUPS)
        self.group = generator.permutation(np.arange(accounts) % self.groups)
        shares = np.full(self.groups, 1 / self.groups)
        self.weights = generator.multinomial(self.groups, shares, size=DRAWS).astype(float)

    def sums(self, account: np.ndarray, *columns: np.ndarray) -> np.ndarray:
        """Sums of columns (one entry per pair) by group: groups x columns."""
        group = self.group[account]
        return np.stack([np.bincount(group, weights=column, minlength=self.groups) for column in columns], axis=1)


_Cell = tuple[int, int, float | None, float | None, float | None, float | None, None, bool]


def _cells(
    account: np.ndarray, x: np.ndarray, y: np.ndarray, draws: Draws, min_n: int
) -> Iterator[tuple[Method, _Cell]]:
    n, accounts = len(x), len(np.unique(account))
    is_insufficient = n < min_n or accounts < FEWEST_ACCOUNTS
    for method in METHODS:
        if n < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
            yield method, (n, accounts, None, None, None, None, None, True)
            continue
        one, other = (stats.rankdata(x), stats.rankdata(y)) if method == "spearman" else (x, y)
        # centred, so that sums of squares lose no digits
        one, other = one - one.mean(), other - other.mean()
        sums = draws.sums(account, np.ones(n), one, other, one * one, other * other, one * other)
        coefficient = float(_correlation(sums.sum(axis=0)[None])[0])
        drawn = _correlation(draws.weights @ sums)
        drawn = drawn[np.isfinite(drawn)]
        low, high = np.quantile(drawn, (0.025, 0.975))
        p = None if is_insufficient else _p(coefficient, drawn, min(accounts, draws.groups))
        yield method, (n, accounts, coefficient, float(low), float(high), p, None, is_insufficient)


def _correlation(sums: np.ndarray) -> np.ndarray:
    """Correlations of rows of (n, x, y, xx, yy, xy)."""
    n, x, y, xx, yy, xy = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return (xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n))


def _p(coefficient: float, drawn: np.ndarray, clusters: int) -> float:
    limit = 1 - 1e-12
    error = float(np.std(np.arctanh(np.clip(drawn, -limit, limit)), ddof=1))
    if error == 0:
        return 0.0
    statistic = np.arctanh(np.clip(coefficient, -limit, limit)) / error
    return float(2 * stats.t.sf(abs(statistic), clusters - 1))


def _with_q(table: list[Association]) -> list[Association]:
    tested = [number for number, cell in enumerate(table) if cell.p is not None]
    if not tested:
        return table
    adjusted = multipletests([table[number].p for number in tested], method="fdr_bh")[1]
    result = list(table)
    for number, q in zip(tested, adjusted, strict=True):
        result[number] = replace(table[number], q=float(q))
    return result
