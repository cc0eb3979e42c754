"""What single statistics take of a panel: rows for the adjusted model, and what accounts met at first and did later."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm
from sklearn.metrics import roc_auc_score
from statsmodels.tools.sm_exceptions import ConvergenceWarning, PerfectSeparationWarning

from touchstone.revenue.adjusted import Adjusted, fit
from touchstone.revenue.association import FEWEST_ACCOUNTS, FEWEST_EVENTS
from touchstone.revenue.panel import Panel
from touchstone.revenue.threshold import QUARTER

MOST_ROWS = 50_000
"""Account-months that a model is fitted to; of more, whole accounts are left out."""
POINTS = 10.0
"""Difference in quality that an odds ratio is stated for."""
EVENTS_PER_TERM = 5
"""Outcomes per column of a model below which its intervals do not hold (Vittinghoff and McCulloch 2007)."""
HELD_OUT = 3
"""One account of so many tells how well a model fitted to the others foretells."""
ONBOARDING_MONTHS, LATER_MONTHS = 3, 6
"""The first 90 days, and the 180 after them, in months."""
_SPREAD = np.uint64(0xA24BAED4963EE407)


@dataclass(frozen=True, slots=True)
class Odds:
    """Odds ratio of an outcome for `POINTS` more of quality in the three months before.

    Attributes:
        auroc: Of the accounts that the fit has not seen; `calibration_error` is the mean difference between what was foretold and
            what happened, by tenths of them. Of quality alone they are not worked out.
        is_insufficient: Too few outcomes for the model; nothing else is known then.
    """

    outcome: str
    segment: str | None
    is_adjusted: bool
    n: int
    accounts: int
    events: int
    odds_ratio: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None
    auroc: float | None
    calibration_error: float | None
    is_insufficient: bool


def before(values: np.ndarray) -> np.ndarray:
    """Mean of what is known of the three months before each month: months x accounts."""
    found = np.full(values.shape, np.nan)
    known = ~np.isnan(values)
    sums, counts = np.zeros(values.shape), np.zeros(values.shape)
    for lag in QUARTER:
        sums[lag:] += np.where(known, values, 0)[:-lag]
        counts[lag:] += known[:-lag]
    np.divide(sums, counts, out=found, where=counts > 0)
    return found


def odds(panel: Panel, outcome: str, *, segment: str | None = None, min_n: int = 30) -> list[Odds]:
    """The effect of quality alone, and beside tier, revenue, tenure, volume and the time at which it was.

    Time is among them because what all accounts meet in the same months, as a better product and better support, goes together
    without one of them following from the other.
    """
    rows = _rows(panel, outcome, panel.cells(segment))
    return [_odds(rows, outcome, segment, is_adjusted, min_n) for is_adjusted in (False, True)]


def _rows(panel: Panel, outcome: str, accounts: np.ndarray) -> pd.DataFrame:
    """Account-months at risk with all that a model reads; whole accounts, up to `MOST_ROWS`."""
    mixed = np.argsort(panel.numbers[accounts] * _SPREAD, kind="stable")
    accounts = accounts[mixed]
    months = max(len(panel.months), 1)
    # an account has at most so many rows: the first chunk that may hold enough, then the exact cut
    chunk = accounts[: max(1, 3 * MOST_ROWS // months)]
    while True:
        values = {
            name: panel.values[name][:, chunk] for name in ("mean_quality", "volume", "tenure", "arr", "tier", outcome)
        }
        columns = {
            "quality": before(values["mean_quality"]),
            "volume": np.log1p(before(values["volume"])),
            "tenure": values["tenure"].astype(float),
            "arr": np.log1p(np.maximum(values["arr"].astype(float), 0)),
            "tier": values["tier"],
            outcome: values[outcome],
        }
        is_known = ~np.any([np.isnan(column) for column in columns.values()], axis=0)
        counts = is_known.sum(axis=0).cumsum()
        if len(chunk) == len(accounts) or counts[-1] >= MOST_ROWS:
            break
        chunk = accounts[: 2 * len(chunk)]
    kept = int(np.searchsorted(counts, MOST_ROWS, side="right"))
    account, month = np.nonzero(is_known[:, :kept].T)
    frame = pd.DataFrame({name: column[month, account].astype(float) for name, column in columns.items()})
    frame["time"] = month.astype(float)
    frame["account"] = account
    frame["tier"] = frame["tier"].astype(int)
    return frame


def _odds(rows: pd.DataFrame, outcome: str, segment: str | None, is_adjusted: bool, min_n: int) -> Odds:
    events = int(rows[outcome].sum())
    terms = 2 + (12 + rows["tier"].nunique() if is_adjusted else 0)
    counts = (len(rows), rows["account"].nunique(), events)
    rarer = min(events, len(rows) - events)
    # standard errors by account are too small where few accounts hold what happened (Cameron, Gelbach and Miller 2008)
    holders = rows.loc[rows[outcome] == (2 * events <= len(rows)), "account"].nunique()
    is_few = len(rows) < min_n or holders < FEWEST_EVENTS or rarer < EVENTS_PER_TERM * terms
    if is_few or rows["account"].nunique() < FEWEST_ACCOUNTS or rows["quality"].std() == 0:
        return Odds(outcome, segment, is_adjusted, *counts, None, None, None, None, None, None, True)
    try:
        model = _fitted(rows, outcome, is_adjusted)
        foretold = _foretold(rows, outcome) if is_adjusted else (None, None)
    except (ConvergenceWarning, PerfectSeparationWarning, np.linalg.LinAlgError):
        return Odds(outcome, segment, is_adjusted, *counts, None, None, None, None, None, None, True)
    effect = model.effects[0]
    power = POINTS / effect.unit
    ratios = [float(side**power) for side in (effect.odds_ratio, effect.ci_low, effect.ci_high)]
    if not np.isfinite([*ratios, effect.p]).all():
        return Odds(outcome, segment, is_adjusted, *counts, None, None, None, None, None, None, True)
    return Odds(outcome, segment, is_adjusted, *counts, *ratios, effect.p, *foretold, False)


def _foretold(rows: pd.DataFrame, outcome: str) -> tuple[float | None, float | None]:
    """AUROC and calibration error of one account in `HELD_OUT`, by a model that was fitted to the others."""
    held_out = (rows["account"] % HELD_OUT == 0).to_numpy()
    happened = rows.loc[held_out, outcome].to_numpy()
    if not 0 < happened.sum() < len(happened):
        return None, None
    probability = _fitted(rows[~held_out], outcome, True).probability(rows[held_out])
    return float(roc_auc_score(happened, probability)), calibration_error(happened, probability)


def _fitted(rows: pd.DataFrame, outcome: str, is_adjusted: bool) -> Adjusted:
    with warnings.catch_warnings():
        # a model that does not settle is none
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("error", PerfectSeparationWarning)
        if not is_adjusted:
            return fit(rows, outcome, linear=["quality"], cluster="account")
        return fit(
            rows,
            outcome,
            linear=["quality"],
            bent=["arr", "tenure", "volume", "time"],
            categories=["tier"],
            cluster="account",
        )


def calibration_error(happened: np.ndarray, probability: np.ndarray, parts: int = 10) -> float:
    """Mean absolute difference between the share that happened and the mean probability, by parts of equal size."""
    order = np.argsort(probability, kind="stable")
    differences = [
        abs(happened[part].mean() - probability[part].mean()) for part in np.array_split(order, parts) if len(part)
    ]
    return float(np.mean(differences))


def calibration(happened: np.ndarray, probability: np.ndarray) -> tuple[float, float]:
    """Intercept and slope of a logistic regression of what happened on the log odds that were foretold (Cox 1958).

    The intercept is that with the slope held at 1: above 0 more happened than was foretold. A slope below 1 says that the probabilities
    lie too far apart.
    """
    odds = np.log(probability / (1 - probability))
    binomial = sm.families.Binomial()
    level = sm.GLM(happened, np.ones_like(odds), family=binomial, offset=odds).fit().params[0]
    return float(level), float(sm.Logit(happened, sm.add_constant(odds)).fit(disp=0).params[1])


def first_and_later(panel: Panel, accounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quality of the first 90 days, by score, and whether an account expanded in the 180 after, of those that were followed so long.

    An account that left in these 180 days was followed: it did not expand any more.
    """
    tenure = panel.values["tenure"][:, accounts]
    quality, n = panel.values["mean_quality"][:, accounts], panel.values["quality_n"][:, accounts]
    is_first = tenure < ONBOARDING_MONTHS
    weight = np.where(is_first & ~np.isnan(quality), np.nan_to_num(n), 0)
    judged = weight.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        met = (np.nan_to_num(quality) * weight).sum(axis=0) / judged
    is_later = (tenure >= ONBOARDING_MONTHS) & (tenure < ONBOARDING_MONTHS + LATER_MONTHS)
    expanded = ((panel.values["expansion"][:, accounts] == 1) & is_later).any(axis=0)
    left = ((panel.values["churn"][:, accounts] == 1) & is_later).any(axis=0)
    began = (tenure == 0).any(axis=0)
    followed = left | (tenure == ONBOARDING_MONTHS + LATER_MONTHS - 1).any(axis=0)
    kept = began & followed & (judged > 0)
    return met[kept].astype(float), expanded[kept]
