"""Correlation of quality with what happens to an account some months later, by segment, with intervals that respect accounts.

Intervals and p-values come from a bootstrap of whole accounts (`touchstone.revenue.draws`). Coefficients of all measures, outcomes and
draws are made of sums by group of accounts, and these of one matrix product per lag, so the cost hardly grows with the cells. Spearman's
coefficient takes the ranks that values have among all months of the segment, so that a lag shifts ranks instead of ranking anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from touchstone.revenue.draws import Draws, p_value, q_values, quantiles
from touchstone.revenue.panel import Matrix, Panel

Method = Literal["spearman", "pearson"]
METHODS: tuple[Method, ...] = ("pearson", "spearman")
FEWEST_ACCOUNTS = 20
FEWEST_EVENTS = 10
_LIMIT = 1 - 1e-12
_NOISE = 1e-4  # a coefficient further beyond 1 is made of rounding alone


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
        is_insufficient: Too few pairs or accounts to be read, or too few accounts in which a side departs from the value that most of its
            months have (as of an outcome that happens or does not); p and q are None then.
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
    lags = [lag for lag in lags if lag < len(panel.months)]
    # of small products one thread does more in a second than several
    with threadpool_limits(1, "blas"):
        for segment in (None, *panel.segment_names):
            rows = panel.sample(segment)
            if len(rows):
                table += _scope(panel, segment, rows, measures, outcomes, lags, min_n, seed)
    q = q_values([cell.p for cell in table])
    return [replace(cell, q=value) for cell, value in zip(table, q, strict=True)]


def _scope(
    panel: Panel,
    segment: str | None,
    rows: np.ndarray,
    measures: Sequence[str],
    outcomes: Sequence[str],
    lags: Sequence[int],
    min_n: int,
    seed: int,
) -> list[Association]:
    """The cells of one segment."""
    columns = {name: panel.values[name][:, rows] for name in dict.fromkeys((*measures, *outcomes))}
    known = {name: ~np.isnan(column) for name, column in columns.items()}
    draws = Draws(panel.numbers[rows], seed)
    slots = draws.slots()
    rare = {name: _rarer(columns[name], known[name]) for name in columns}
    counts = {
        (measure, outcome, lag): _counted((known[measure], known[outcome]), (rare[measure], rare[outcome]), lag)
        for measure in measures
        for outcome in outcomes
        for lag in lags
    }
    table = []
    scaled: dict[str, Matrix] = {}
    for method in METHODS:
        scaled = {
            # of two values the ranks say the same as the values
            name: scaled[name]
            if method == "spearman" and _is_of_two(column, known[name])
            else _scaled(column, known[name], method)
            for name, column in columns.items()
        }
        x = _planes([scaled[name] for name in measures], [known[name] for name in measures], slots)
        y = _planes([scaled[name] for name in outcomes], [known[name] for name in outcomes], slots)
        size = slots.shape[1]
        for lag in lags:
            last = (len(panel.months) - lag) * size
            sums = _sums(np.matmul(x[:, :, :last], y[:, :, lag * size :].transpose(0, 2, 1)), len(measures))
            found = _correlation(sums.sum(axis=1, keepdims=True))[0]
            drawn = _drawn(draws.weights, sums)
            lows, highs = (ends.reshape(found.shape) for ends in quantiles(drawn.reshape(-1, drawn.shape[-1])))
            for at, measure in enumerate(measures):
                for to, outcome in enumerate(outcomes):
                    n, accounts, happened = counts[measure, outcome, lag]
                    is_insufficient = n < min_n or accounts < FEWEST_ACCOUNTS or happened < FEWEST_EVENTS
                    # where few accounts hold what happened, the standard error is known from as few
                    clusters = min(accounts, draws.groups, happened)
                    about = (measure, outcome, segment, lag, method, n, accounts)
                    value = float(found[at, to])
                    if not np.isfinite(value) or n < 3:
                        table.append(Association(*about, None, None, None, None, None, True))
                        continue
                    low, high = min(float(lows[at, to]), value), max(float(highs[at, to]), value)
                    p = None if is_insufficient else _p(value, drawn[at, to], clusters)
                    table.append(Association(*about, value, low, high, p, None, is_insufficient))
    return table


def _counted(known: tuple[Matrix, Matrix], rare: tuple[Matrix | None, Matrix | None], lag: int) -> tuple[int, int, int]:
    """Pairs, accounts that have some, and accounts of which the measure or the outcome departs from what is common, whichever are fewer."""
    last = len(known[0]) - lag
    pairs = known[0][:last] & known[1][lag:]
    accounts = _accounts(pairs)
    sides = [accounts]
    for where, months in zip(rare, (slice(None, last), slice(lag, None)), strict=True):
        if where is not None:
            sides.append(_accounts(pairs & where[months]))
    return int(np.count_nonzero(pairs)), accounts, min(sides)


def _accounts(cells: Matrix) -> int:
    return int(np.count_nonzero(np.logical_or.reduce(cells, axis=0)))


def _rarer(column: Matrix, known: Matrix) -> Matrix | None:
    """Where the value is another than the one that most months have; None where no value is that common."""
    values, counts = np.unique(column[known], return_counts=True)
    if not len(values) or 2 * counts.max() < counts.sum():
        return None
    return known & (column != values[np.argmax(counts)])


def _is_of_two(column: Matrix, known: Matrix) -> bool:
    values = column[known]
    return not len(values) or bool(((values == values.min()) | (values == values.max())).all())


def _scaled(column: Matrix, known: Matrix, method: Method) -> Matrix:
    """Values, or their ranks, with mean 0 and variance 1; 0 where nothing is known."""
    values = column[known]
    if method == "spearman":
        values = _ranks(values)
    scaled = np.zeros(column.shape, dtype=np.float32)
    if len(values) and (spread := float(values.std())) > 0:
        # centred, so that sums of squares lose no digits
        scaled[known] = (values - values.mean()) / spread
    return scaled


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0.5, the mean of their places for values that are equal."""
    order = np.argsort(values)
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(values) else np.empty(0, dtype=np.int64)
    sizes = np.diff(np.r_[starts, len(values)])
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(starts + sizes / 2, sizes)
    return ranks


def _planes(scaled: list[Matrix], known: list[Matrix], slots: np.ndarray) -> np.ndarray:
    """Known, value and square of every column: groups x (3 x columns) x (months x accounts of a group)."""
    groups, size = slots.shape
    months = scaled[0].shape[0]
    planes = np.empty((groups, 3 * len(scaled), months, size), dtype=np.float32)
    is_empty = slots.ravel() < 0
    for at, (column, is_known) in enumerate(zip(scaled, known, strict=True)):
        here = is_known[:, slots.ravel()]
        here[:, is_empty] = False
        value = np.where(here, column[:, slots.ravel()], np.float32(0))
        for kind, plane in enumerate((here, value, value * value)):
            planes[:, kind * len(scaled) + at] = plane.reshape(months, groups, size).transpose(1, 0, 2)
    return planes.reshape(groups, 3 * len(scaled), months * size)


def _sums(product: np.ndarray, measures: int) -> np.ndarray:
    """(n, x, y, xx, yy, xy) x groups x measures x outcomes, from the products of all planes."""
    outcomes = product.shape[2] // 3
    wanted = ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1))
    parts = product.reshape(len(product), 3, measures, 3, outcomes)
    return np.stack([parts[:, first, :, second] for first, second in wanted]).astype(float)


def _drawn(weights: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Coefficients of every draw: measures x outcomes x draws."""
    kinds, groups, *cells = sums.shape
    drawn = weights @ sums.transpose(1, 0, 2, 3).reshape(groups, -1)
    found = _correlation(drawn.reshape(len(weights), kinds, *cells).transpose(1, 0, 2, 3))
    return np.ascontiguousarray(found.transpose(1, 2, 0))


def _correlation(sums: np.ndarray) -> np.ndarray:
    """Correlations of (n, x, y, xx, yy, xy)."""
    n, x, y, xx, yy, xy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (xx - x * x / n) * (yy - y * y / n)
        # what is left of single precision where one side hardly varies
        found = np.where(spread > (1e-9 * n) ** 2, (xy - x * y / n) / np.sqrt(spread), np.nan)
        return np.where(np.abs(found) > 1 + _NOISE, np.nan, np.clip(found, -1, 1))


def _p(coefficient: float, drawn: np.ndarray, clusters: int) -> float:
    return p_value(
        float(np.arctanh(np.clip(coefficient, -_LIMIT, _LIMIT))), np.arctanh(np.clip(drawn, -_LIMIT, _LIMIT)), clusters
    )
