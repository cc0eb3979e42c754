"""Statistics of quality and money, held against planted effects and against customers who really left.

A hundred companies are simulated as months of accounts, under the law by which accounts of the simulated company leave
(`touchstone.sandbox.revenue_law`); one company is read from its vendors and built up to the marts, with all that can go wrong before
the statistics. What is true of a correlation is measured on as many accounts as make its own error small.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from touchstone.quality.table import Row, check
from touchstone.sandbox import effects
from touchstone.sandbox.revenue_law import DAYS, History, simulate

if TYPE_CHECKING:
    from touchstone.settings import Settings

SEEDS = 100
ACCOUNTS, MONTHS = 600, 24
MANY_ACCOUNTS = 60_000
WITH_EFFECT, WITHOUT = effects.CHURN_SEGMENT, tuple(sorted(effects.CHURN_HAZARD_ELSEWHERE))
LAG = effects.CHURN_LAG_MONTHS
MONTH_WEEKS = DAYS // 7
ALPHA = 0.05
LEAST_FOUND, MOST_FALSE = 90, 5
LEAST_AUROC, MOST_CALIBRATION = 0.84, 0.04
MOST_LEVEL, MOST_SLOPE = 0.15, 0.15
"""Of log odds: how far what happened may lie from what was foretold, and the slope from 1."""
COMPANY_DAYS, COMPANY_PER_DAY, COMPANY_SEED = 240, 40.0, 11


@dataclass(frozen=True)
class Seed:
    """What one simulated company said.

    Attributes:
        covers: Whether the interval of the planted correlation holds the true one; `ratio_covers` the same of the risk ratio.
        is_found: Whether it is the strongest of its segment's lags, with q < `ALPHA`.
        false, false_cuts: Segments without an effect in which a correlation of any lag, or a cut, has q < `ALPHA`.
        lead: Weeks by which quality leads leaving.
        false_leads: Segments without an effect in which quality is said to lead leaving.
    """

    covers: bool
    ratio_covers: bool
    is_found: bool
    false: frozenset[str]
    false_cuts: frozenset[str]
    lead: int | None
    false_leads: frozenset[str]


def true_coefficient() -> float:
    """Pearson's coefficient of the planted effect in the segment, of very many accounts."""
    panel = simulate(10_000, MANY_ACCOUNTS, MONTHS).panel
    _, _, quality, churned = panel.pairs("quality", "churned", LAG, panel.cells(WITH_EFFECT))
    return float(np.corrcoef(quality, churned)[0, 1])


def weekly(history: History, segment: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean score and leaving of each account and week, as `touchstone.revenue.weeks` reads them."""
    rows = history.panel.cells(segment)
    weeks = len(history.panel.months) * MONTH_WEEKS
    place = np.full(len(history.panel.numbers), -1)
    place[rows] = np.arange(len(rows))
    told = place[history.account] >= 0
    cell = place[history.account[told]] * weeks + history.day[told] // 7
    counts = np.bincount(cell, minlength=len(rows) * weeks)
    sums = np.bincount(cell, weights=history.scores[told], minlength=len(rows) * weeks)
    quality = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).reshape(-1, weeks)
    week = np.arange(weeks)
    left = np.where(history.left_on[rows] < 0, weeks, history.left_on[rows] // 7)[:, None]
    is_there = (week >= history.came_on[rows][:, None] // 7) & (week <= left)
    return quality, np.where(is_there, (week == left).astype(float), np.nan)


def measure(seed: int, truth: float) -> Seed:
    """All statistics of one simulated company."""
    from touchstone.revenue.association import associations
    from touchstone.revenue.draws import q_values
    from touchstone.revenue.lead import WIDTH, lead
    from touchstone.revenue.threshold import thresholds

    history = simulate(seed, ACCOUNTS, MONTHS)
    cells = associations(history.panel, ["quality"], ["churned"])
    own = [one for one in cells if one.segment == WITH_EFFECT and one.method == "pearson"]
    planted = next(one for one in own if one.lag == LAG)
    strongest = max(own, key=lambda one: abs(one.coefficient or 0))
    cuts = thresholds(history.panel, "quality", "churned")
    q = q_values([None if one.is_insufficient else one.p for one in cuts])
    cut = next(one for one in cuts if one.segment == WITH_EFFECT and one.lag == LAG)
    ratio = effects.CHURN_HAZARD_BELOW / effects.CHURN_HAZARD_ABOVE
    found = lead(*weekly(history, WITH_EFFECT), width=WIDTH)
    others = {name: lead(*weekly(history, name), width=WIDTH) for name in WITHOUT}
    return Seed(
        covers=planted.ci_low is not None and planted.ci_low <= truth <= planted.ci_high,
        ratio_covers=cut.ci_low is not None and cut.ci_low <= ratio <= cut.ci_high,
        is_found=strongest is planted and planted.q is not None and planted.q < ALPHA,
        false=frozenset(one.segment for one in cells if one.segment in WITHOUT and one.q is not None and one.q < ALPHA),
        false_cuts=frozenset(
            one.segment for one, value in zip(cuts, q, strict=True) if one.segment in WITHOUT and (value or 1) < ALPHA
        ),
        lead=found.weeks,
        false_leads=frozenset(name for name, one in others.items() if one.p is not None and one.p < ALPHA),
    )


@check("revenue_planted")
def planted(_folder: Path) -> Iterator[Row]:
    """The bars of the planted effect, over a hundred companies simulated as months of accounts."""
    truth = true_coefficient()
    found = [measure(seed, truth) for seed in range(SEEDS)]
    name = f"simulated accounts, {SEEDS} seeds"
    about = f"{ACCOUNTS} accounts at first, {MONTHS} months, under the company's law of leaving"
    for what, count in (
        (f"the interval of quality against churn in {WITH_EFFECT} after {LAG} months covers the truth", "covers"),
        ("the interval of the risk ratio at the cut that was found covers the planted one", "ratio_covers"),
        ("the strongest lag is the planted one, at q < .05", "is_found"),
    ):
        yield Row(f"{name}: {what}", sum(getattr(one, count) for one in found), bar=LEAST_FOUND, n=SEEDS, reason=about)
    for what, field in (
        ("a finding at q < .05 at any lag", "false"),
        ("a cut at q < .05", "false_cuts"),
        ("a lead at p < .05", "false_leads"),
    ):
        worst = max(sum(segment in getattr(one, field) for one in found) for segment in WITHOUT)
        # of single tests 5 of 100 are expected: the bar is for what is corrected for their number
        bar = None if field == "false_leads" else MOST_FALSE
        yield Row(
            f"{name}: {what} in a segment without effect, the worse of {' and '.join(WITHOUT)}",
            worst,
            bar=bar,
            lower_is_better=True,
            n=SEEDS,
        )
    within = sum(one.lead is not None and abs(one.lead - LAG * MONTH_WEEKS) <= MONTH_WEEKS for one in found)
    yield Row(f"{name}: the planted lead of {LAG} months is recovered within one", within, bar=LEAST_FOUND, n=SEEDS)


def telco_third(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of the held-out third of ibm-telco-churn: who left (0 or 1), and the probability that the adjusted model foretold."""
    import pandas as pd

    from touchstone.revenue.adjusted import fit

    rows = pd.read_csv(folder / "ibm-telco-churn" / "Telco-Customer-Churn.csv.gz", na_values=[" "])
    rows["churned"] = (rows["Churn"] == "Yes").astype(float)
    # a customer in the first month has no bill yet
    rows["TotalCharges"] = rows["TotalCharges"].fillna(0.0)
    rows = rows.replace({"No internet service": "No", "No phone service": "No"})
    numbers = ("tenure", "TotalCharges", "MonthlyCharges")
    categories = [name for name in rows.columns if name not in (*numbers, "customerID", "Churn", "churned")]
    is_held_out = rows["customerID"].map(lambda key: zlib.crc32(key.encode()) % 3 == 0)
    model = fit(
        rows[~is_held_out],
        "churned",
        linear=["MonthlyCharges"],
        bent=["tenure", "TotalCharges"],
        categories=categories,
        cluster="customerID",
    )
    return rows.loc[is_held_out, "churned"].to_numpy(), model.probability(rows[is_held_out])


@check("revenue_telco")
def telco(folder: Path) -> Iterator[Row]:
    """Customers who really left: two thirds of them train the adjusted model, one third tests it."""
    from sklearn.metrics import roc_auc_score

    from touchstone.revenue.history import calibration, calibration_error

    left, probability = telco_third(folder)
    name = "ibm-telco-churn, held-out third"
    yield Row(f"{name}: AUROC of the adjusted model", roc_auc_score(left, probability), bar=LEAST_AUROC, n=len(left))
    yield Row(
        f"{name}: mean difference of foretold and observed churn by tenths",
        calibration_error(left, probability),
        bar=MOST_CALIBRATION,
        lower_is_better=True,
        n=len(left),
    )
    level, slope = calibration(left, probability)
    for what, value, bar in (
        ("log odds by which more or fewer left than foretold", abs(level), MOST_LEVEL),
        ("difference of the calibration slope from 1", abs(slope - 1), MOST_SLOPE),
    ):
        yield Row(f"{name}: {what}", value, bar=bar, lower_is_better=True, n=len(left))


@check("revenue_company")
def company(_folder: Path) -> Iterator[Row]:
    """One company, read from its vendors and built: quality as it was scored from what was written, churn as the CRM states it."""
    from touchstone.sandbox.episode_quality import own_server
    from touchstone.sandbox.gap_quality import build_once, company_of

    made = company_of(COMPANY_DAYS, COMPANY_PER_DAY, COMPANY_SEED)
    with own_server() as settings:
        build_once(made, settings)
        yield from company_rows(settings)


def company_rows(settings: Settings) -> Iterator[Row]:
    """What the marts of a built company say of the planted effect."""
    from touchstone.warehouse.engine import connect

    with connect("transformer", settings=settings) as connection:
        found = connection.execute(
            """
            select segment_value, lag_months, coefficient, q_value, n from marts_build.rpt_quality_correlations
            where measure_id = 'mean_quality' and outcome_id = 'churn' and method = 'spearman' and segment_type = 'segment'
                and evidence_type = 'association'
            """
        ).fetchall()
    own = {lag: (coefficient, q, n) for segment, lag, coefficient, q, n in found if segment == WITH_EFFECT}
    coefficient, q, n = own.get(LAG, (None, None, 0))
    name = f"simulated company of {COMPANY_DAYS} days, built"
    yield Row(
        f"{name}: correlation of scored quality with churn in {WITH_EFFECT} after {LAG} months",
        coefficient,
        bar=-0.05,
        lower_is_better=True,
        n=n,
    )
    yield Row(f"{name}: its q", q, bar=ALPHA, lower_is_better=True, n=n)
    strongest = min(own, key=lambda lag: own[lag][0]) if own else None
    yield Row(
        f"{name}: months by which the strongest lag is off",
        None if strongest is None else abs(strongest - LAG),
        bar=1,
        lower_is_better=True,
        n=len(own),
    )
    yield Row(
        f"{name}: findings at q < .05 in segments without effect",
        sum(1 for segment, _, _, q, _ in found if segment in WITHOUT and q < ALPHA),
        bar=0,
        lower_is_better=True,
        n=sum(1 for segment, *_ in found if segment in WITHOUT),
    )
