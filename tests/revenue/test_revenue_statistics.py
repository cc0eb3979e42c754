"""Statistics of revenue find what is in simulated accounts, and nothing where nothing is."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from touchstone.revenue.adjusted import fit
from touchstone.revenue.association import associations
from touchstone.revenue.cohort import onboarding
from touchstone.revenue.history import calibration
from touchstone.revenue.lead import lead
from touchstone.revenue.panel import panel
from touchstone.revenue.threshold import risk_ratio, threshold
from touchstone.sandbox.revenue_quality import telco_third

MONTHS = 24


def frame(values: dict[str, np.ndarray], segment: np.ndarray | None = None) -> pd.DataFrame:
    """A table of account x month from matrices; NaN in all of them leaves a row out."""
    accounts, months = next(iter(values.values())).shape
    rows = pd.DataFrame({name: matrix.ravel() for name, matrix in values.items()})
    rows["account_key"] = np.repeat([f"a{number:05d}" for number in range(accounts)], months)
    rows["month_start"] = np.tile(pd.date_range("2024-01-01", periods=months, freq="MS"), accounts)
    rows["segment"] = "all alike" if segment is None else np.repeat(segment, months)
    return rows.dropna(subset=list(values), how="all")


def correlated(generator: np.random.Generator, accounts: int, lag: int, slope: float) -> dict[str, np.ndarray]:
    """Quality that persists within an account, and an outcome that follows it after `lag` months."""
    quality = generator.normal(size=(accounts, 1)) + generator.normal(size=(accounts, MONTHS))
    outcome = generator.normal(size=(accounts, 1)) + generator.normal(size=(accounts, MONTHS))
    outcome[:, lag:] += slope * quality[:, : MONTHS - lag]
    return {"quality": quality, "outcome": outcome}


def test_coefficients_are_those_of_the_pairs_at_their_lag():
    generator = np.random.default_rng(1)
    values = correlated(generator, 60, 3, 0.5)
    values["quality"][generator.random(values["quality"].shape) < 0.2] = np.nan
    found = associations(panel(frame(values), ["quality", "outcome"]), ["quality"], ["outcome"], lags=(0, 3))
    for lag in (0, 3):
        x, y = values["quality"][:, : MONTHS - lag].ravel(), values["outcome"][:, lag:].ravel()
        known = ~np.isnan(x)
        cells = {cell.method: cell for cell in found if cell.lag == lag and cell.segment is None}
        assert cells["pearson"].coefficient == pytest.approx(stats.pearsonr(x[known], y[known])[0], abs=1e-6)
        # ranks are those among all months, paired or not
        every = values["quality"][~np.isnan(values["quality"])]
        ranks = dict(zip(every, stats.rankdata(every), strict=True))
        others = dict(zip(values["outcome"].ravel(), stats.rankdata(values["outcome"].ravel()), strict=True))
        expected = stats.pearsonr([ranks[one] for one in x[known]], [others[one] for one in y[known]])[0]
        assert cells["spearman"].coefficient == pytest.approx(expected, abs=1e-6)
        assert cells["pearson"].n == known.sum()
        assert cells["pearson"].accounts == 60


@pytest.mark.parametrize("accounts", [80, 900])
def test_intervals_cover_and_false_findings_are_few_though_months_of_an_account_are_alike(accounts):
    """An interval that took months for independent would cover about .75 here."""
    generator = np.random.default_rng(2)
    covered, false = 0, 0
    for _ in range(100):
        values = correlated(generator, accounts, 0, 0.0)
        cell = next(
            cell
            for cell in associations(panel(frame(values), ["quality", "outcome"]), ["quality"], ["outcome"], lags=(0,))
            if cell.segment is None and cell.method == "spearman"
        )
        covered += cell.ci_low <= 0 <= cell.ci_high
        false += cell.p < 0.05
    assert covered >= 90
    assert false <= 10


def test_only_the_segment_with_an_effect_is_found_and_small_cells_are_labelled():
    generator = np.random.default_rng(3)
    with_effect, without = correlated(generator, 150, 2, 0.4), correlated(generator, 150, 2, 0.0)
    few = correlated(generator, 5, 2, 0.4)
    values = {name: np.vstack([with_effect[name], without[name], few[name]]) for name in with_effect}
    segment = np.repeat(["smb", "enterprise", "tiny"], [150, 150, 5])
    found = associations(panel(frame(values, segment), ["quality", "outcome"]), ["quality"], ["outcome"])
    strongest = max((cell for cell in found if cell.segment == "smb"), key=lambda cell: cell.coefficient)
    assert strongest.lag == 2
    assert strongest.q < 0.001
    assert all(cell.q > 0.05 for cell in found if cell.segment == "enterprise")
    assert all(cell.is_insufficient and cell.p is None and cell.q is None for cell in found if cell.segment == "tiny")
    assert all(cell.q >= cell.p for cell in found if cell.p is not None)


def test_an_account_has_a_month_once():
    rows = frame({"quality": np.ones((2, 2))})
    with pytest.raises(ValueError, match="twice"):
        panel(pd.concat([rows, rows.head(1)]), ["quality"])


def leaving(generator: np.random.Generator, accounts: int, below: float, above: float, cut: float, lag: int):
    """Accounts that leave with a hazard that depends on whether quality `lag` months before was below a cut."""
    quality = np.clip(generator.normal(70, 12, size=(accounts, MONTHS)), 0, 100)
    churned = np.zeros((accounts, MONTHS))
    for month in range(MONTHS):
        seen = quality[:, month - lag] if month >= lag else np.full(accounts, 100.0)
        leaves = generator.random(accounts) < np.where(seen < cut, below, above)
        present = ~np.isnan(churned[:, month])
        churned[present & leaves, month] = 1
        churned[present & leaves, month + 1 :] = np.nan
    quality[np.isnan(churned)] = np.nan
    return panel(frame({"quality": quality, "churned": churned}), ["quality", "churned"])


def test_the_cut_and_its_risk_ratio_are_found_on_other_accounts():
    found = threshold(leaving(np.random.default_rng(4), 1500, 0.06, 0.012, 60, 2), "quality", "churned", lag=2)
    assert found.cut == pytest.approx(60, abs=3)
    assert found.ci_low < 5 < found.ci_high
    assert found.ci_low > 2
    assert found.p <= 0.01
    assert not found.is_insufficient


def test_no_cut_is_significant_where_quality_does_not_matter():
    generator = np.random.default_rng(5)
    false = sum(threshold(leaving(generator, 300, 0.03, 0.03, 60, 1), "quality", "churned").p < 0.05 for _ in range(40))
    assert false <= 5


def test_risk_ratios_by_hand():
    ratio, low, high = risk_ratio(30, 100, 10, 100)
    # ln 3 +- 1.96 sqrt(1/30 - 1/100 + 1/10 - 1/100)
    assert (ratio, low, high) == pytest.approx((3.0, 1.5508, 5.8033), abs=1e-4)
    assert risk_ratio(0, 0, 1, 5) == (None, None, None)
    assert risk_ratio(0, 10, 0, 10)[0] == pytest.approx(1.0)


def test_the_adjusted_effect_is_that_of_quality_not_of_what_goes_with_it():
    generator = np.random.default_rng(6)
    size = 6000
    tenure = generator.gamma(2, 12, size)
    quality = 60 + 0.5 * tenure + generator.normal(0, 10, size)
    rows = pd.DataFrame(
        {
            "account": [f"a{number}" for number in np.arange(size) // 4],
            "quality": quality,
            "tenure": tenure,
            "tier": generator.choice(["free", "business"], size),
            "churned": (generator.random(size) < 1 / (1 + np.exp(1.5 + 0.04 * tenure))).astype(float),
        }
    )
    alone = fit(rows, "churned", linear=["quality"], cluster="account").effects[0]
    adjusted = fit(rows, "churned", linear=["quality"], bent=["tenure"], categories=["tier"], cluster="account")
    assert alone.ci_high < 1
    assert adjusted.effects[0].ci_low < 1 < adjusted.effects[0].ci_high
    assert adjusted.n == size
    assert adjusted.accounts == size // 4
    with pytest.raises(ValueError, match="tenure"):
        fit(rows.assign(tenure=np.nan), "churned", linear=["quality"], bent=["tenure"], cluster="account")


def series(generator: np.random.Generator, weeks: int, lag: int, slope: float) -> tuple[np.ndarray, np.ndarray]:
    quality, outcome = np.zeros(weeks), np.zeros(weeks)
    for week in range(1, weeks):
        quality[week] = 0.6 * quality[week - 1] + generator.normal()
        before = quality[week - lag] if week >= lag else 0.0
        outcome[week] = 0.4 * outcome[week - 1] + slope * before + generator.normal()
    return quality, outcome


def test_the_planted_lead_is_recovered_and_none_is_claimed_where_there_is_none():
    generator = np.random.default_rng(7)
    found = [lead(*series(generator, 156, 6, 0.8)) for _ in range(20)]
    assert sum(abs(one.weeks - 6) <= 1 and one.ci_low > 0 for one in found) >= 18
    none = [lead(*series(generator, 156, 6, 0.0)) for _ in range(40)]
    assert sum(one.p < 0.05 for one in none) <= 5
    assert lead(*series(generator, 25, 2, 0.8)).is_insufficient


def test_weeks_without_a_value_are_refused():
    with pytest.raises(ValueError, match="without a value"):
        lead(np.r_[np.zeros(60), np.nan], np.zeros(61))
    with pytest.raises(ValueError, match="units, weeks"):
        lead(np.zeros(60), np.zeros(61))


def test_real_customers_who_leave_are_told_from_those_who_stay(shared_data):
    """ibm-telco-churn: AUROC .84 on a third of the customers that the model has not seen, probabilities within 4 points by tenth."""
    left, probability = telco_third(shared_data)
    assert roc_auc_score(left, probability) >= 0.84
    tenths = pd.DataFrame({"left": left, "probability": probability}).groupby(pd.qcut(probability, 10)).mean()
    assert (tenths["left"] - tenths["probability"]).abs().max() < 0.04
    level, slope = calibration(left, probability)
    assert abs(level) < 0.15
    assert abs(slope - 1) < 0.15


def test_probabilities_that_are_too_sure_or_too_low_are_not_calibrated():
    generator = np.random.default_rng(8)
    odds = generator.normal(-1, 1, 20_000)
    happened = (generator.random(20_000) < 1 / (1 + np.exp(-odds))).astype(float)
    assert calibration(happened, 1 / (1 + np.exp(-odds))) == pytest.approx((0, 1), abs=0.05)
    # log odds twice as far apart, and lower by 1
    assert calibration(happened, 1 / (1 + np.exp(-2 * odds)))[1] == pytest.approx(0.5, abs=0.03)
    assert calibration(happened, 1 / (1 + np.exp(1 - odds)))[0] == pytest.approx(1, abs=0.05)


def test_thirds_of_onboarding_quality_by_hand():
    quality = np.arange(90, dtype=float)
    expanded = np.r_[np.arange(30) < 3, np.arange(30) < 6, np.arange(30) < 12]
    found = onboarding(quality, expanded)
    assert [(third.n, third.expanded, third.quality_low, third.quality_high) for third in found.thirds] == [
        (30, 3, 0.0, 29.0),
        (30, 6, 30.0, 59.0),
        (30, 12, 60.0, 89.0),
    ]
    # Wilson of 12 of 30: .2459 to .5768; of 3 of 30: .0346 to .2562
    highest = found.thirds[-1]
    assert (highest.difference, highest.difference_low, highest.difference_high) == pytest.approx(
        (0.3, 0.3 - math.hypot(0.4 - 0.2459, 0.2562 - 0.1), 0.3 + math.hypot(0.5768 - 0.4, 0.1 - 0.0346)), abs=2e-4
    )
    # z = (sum of steps x events - expected) / sd = (30 - 21) / sqrt(7/30 x 23/30 x (150 - 90**2 / 90))
    assert found.p == pytest.approx(2 * stats.norm.sf(9 / math.sqrt(7 / 30 * 23 / 30 * 60)))
    assert not found.is_insufficient
    assert onboarding(quality[:60], expanded[:60]).is_insufficient
    assert onboarding(quality[:2], expanded[:2]).thirds == ()
