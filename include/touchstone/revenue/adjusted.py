"""What quality adds to tier, revenue, tenure and volume: a logistic model with intervals by account.

Discrete-time survival (Singer and Willett 1993): one row per account-month at risk, churn in that month as the outcome. Numbers enter
as natural cubic splines where they may bend, categories against their commonest value; standard errors are those of clusters of
one account (Liang and Zeger 1986).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm

KNOTS = (0.05, 0.35, 0.65, 0.95)
"""Quantiles of a spline's knots (Harrell 2001, table 2.3)."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Odds ratio of one term, for a difference of `unit` in it."""

    term: str
    odds_ratio: float
    ci_low: float
    ci_high: float
    p: float
    unit: float


@dataclass(frozen=True)
class Design:
    """How rows become columns of the model, learnt from the rows that it is fitted to.

    Attributes:
        linear: Numbers that enter as they are, in units of `scales`.
        splines: Knots of the numbers that may bend, after centring by `scales`.
        levels: Values of each category, the commonest first; it has no column. A value not seen before counts as that one.
    """

    linear: tuple[str, ...]
    splines: dict[str, tuple[float, ...]]
    levels: dict[str, tuple[str, ...]]
    scales: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, rows: pd.DataFrame, linear: Sequence[str], bent: Sequence[str], categories: Sequence[str]) -> Design:
        scales, splines = {}, {}
        for name in (*linear, *bent):
            values = rows[name].to_numpy(dtype=float)
            scales[name] = float(values.mean()), float(values.std()) or 1.0
        for name in bent:
            centre, scale = scales[name]
            knots = np.unique(np.quantile((rows[name].to_numpy(dtype=float) - centre) / scale, KNOTS))
            splines[name] = tuple(knots.tolist()) if len(knots) >= 3 else ()
        levels = {name: tuple(rows[name].astype(str).value_counts().index) for name in categories}
        return cls(tuple(linear), splines, levels, scales)

    def matrix(self, rows: pd.DataFrame) -> pd.DataFrame:
        """One row of numbers per row, with the constant."""
        columns: dict[str, np.ndarray] = {"constant": np.ones(len(rows))}
        for name in (*self.linear, *self.splines):
            centre, scale = self.scales[name]
            values = (rows[name].to_numpy(dtype=float) - centre) / scale
            columns[name] = values
            knots = self.splines.get(name, ())
            for number, column in enumerate(_bends(values, knots), start=1):
                columns[f"{name}~{number}"] = column
        for name, values in self.levels.items():
            stated = rows[name].astype(str).to_numpy()
            for value in values[1:]:
                columns[f"{name}={value}"] = (stated == value).astype(float)
        return pd.DataFrame(columns, index=rows.index)


def _bends(values: np.ndarray, knots: tuple[float, ...]) -> list[np.ndarray]:
    """Terms of a natural cubic spline beside the straight one (Hastie, Tibshirani and Friedman 2009, equation 5.4)."""
    if len(knots) < 3:
        return []
    last = knots[-1]

    def part(knot: float) -> np.ndarray:
        return (np.maximum(values - knot, 0) ** 3 - np.maximum(values - last, 0) ** 3) / (last - knot)

    end = part(knots[-2])
    return [part(knot) - end for knot in knots[:-2]]


@dataclass(frozen=True)
class Adjusted:
    """A fitted model.

    Attributes:
        n, accounts, events: Rows, clusters and outcomes that it was fitted to.
        effects: Of every linear term; the bends and categories adjust and are not read one by one.
    """

    design: Design
    parameters: np.ndarray
    effects: tuple[Effect, ...]
    n: int
    accounts: int
    events: int

    def probability(self, rows: pd.DataFrame) -> np.ndarray:
        """Probability of the outcome of each row."""
        return 1 / (1 + np.exp(-(self.design.matrix(rows).to_numpy() @ self.parameters)))


def fit(
    rows: pd.DataFrame,
    outcome: str,
    *,
    linear: Sequence[str],
    bent: Sequence[str] = (),
    categories: Sequence[str] = (),
    cluster: str,
) -> Adjusted:
    """Fit the model.

    Args:
        linear: Numbers whose effect is read, per standard deviation.
        bent: Numbers that are only adjusted for.
        cluster: Column that names the account.

    Raises:
        ValueError: The outcome does not vary, or a term is missing in some row.
    """
    used = [outcome, *linear, *bent, *categories, cluster]
    missing = [name for name in used if rows[name].isna().any()]
    if missing:
        raise ValueError(f"missing values in {', '.join(missing)}; leave those rows out or fill them knowingly")
    y = rows[outcome].to_numpy(dtype=float)
    if y.min() == y.max():
        raise ValueError(f"{outcome} is {y[0]:g} in every row; there is nothing to explain")
    design = Design.of(rows, linear, bent, categories)
    matrix = design.matrix(rows)
    codes, accounts = np.unique(rows[cluster].to_numpy(), return_inverse=True)
    model = sm.Logit(y, matrix.to_numpy())
    fitted = model.fit(method="newton", disp=0, cov_type="cluster", cov_kwds={"groups": accounts})
    # a limit beyond all numbers is infinite
    with np.errstate(over="ignore"):
        ratios = np.exp(np.column_stack([fitted.params, fitted.conf_int()]))
    places = {name: place for place, name in enumerate(matrix.columns)}
    effects = tuple(
        Effect(
            name,
            *map(float, ratios[places[name]]),
            float(fitted.pvalues[places[name]]),
            design.scales[name][1],
        )
        for name in linear
    )
    return Adjusted(design, np.asarray(fitted.params), effects, len(y), len(codes), int(y.sum()))
