"""Results of the statistics as rows of `derived`, in the order of the columns there."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg

from touchstone.reports.statistics import wilson_interval
from touchstone.revenue import criteria as criterion_effects
from touchstone.revenue import weeks
from touchstone.revenue.association import FEWEST_ACCOUNTS, associations
from touchstone.revenue.cohort import onboarding
from touchstone.revenue.draws import q_values
from touchstone.revenue.history import first_and_later, odds
from touchstone.revenue.months import MEASURES, OUTCOMES
from touchstone.revenue.panel import Panel
from touchstone.revenue.threshold import Threshold, Z, bands, thresholds

Row = tuple[Any, ...]
MODELLED = ("churn", "expansion")


def _scope(segment: str | None) -> tuple[str, str]:
    return ("all", "all") if segment is None else ("segment", segment)


def correlations(panel: Panel, min_n: int, seed: int) -> list[Row]:
    """Every measure of quality against every outcome, by segment and lag."""
    return [
        (
            one.measure,
            one.outcome,
            *_scope(one.segment),
            one.lag,
            one.method,
            one.n,
            one.accounts,
            one.coefficient,
            one.ci_low,
            one.ci_high,
            one.p,
            one.q,
            one.is_insufficient,
        )
        for one in associations(panel, MEASURES, OUTCOMES, min_n=min_n, seed=seed)
    ]


def threshold_effects(panel: Panel, min_n: int, seed: int) -> list[Row]:
    """Both sides of every cut, with the cut on the lower one, and the next quarter's churn by band of quality."""
    cuts = thresholds(panel, "mean_quality", "churn", seed=seed)
    q = q_values([None if one.is_insufficient else one.p for one in cuts])
    rows: list[Row] = []
    for one, value in zip(cuts, q, strict=True):
        rows += _sides(one, value)
    for segment in (None, *panel.segment_names):
        for band in bands(panel, "mean_quality", "churn", segment=segment):
            about = (*_scope(segment), "next_quarter", f"{band.low:02.0f}_{band.high:02.0f}", band.low, band.high)
            share = band.churned / band.n if band.n else None
            nothing = (None,) * 7
            is_insufficient = band.n < min_n or band.accounts < FEWEST_ACCOUNTS
            rows.append((*about, band.n, band.churned, share, band.ci_low, band.ci_high, *nothing, is_insufficient))
    return rows


def _sides(one: Threshold, q: float | None) -> list[Row]:
    about = (*_scope(one.segment), f"lag_{one.lag}")
    # where the other half has too few who left, the cut is not read
    p = None if one.is_insufficient else one.p
    ratio = (one.risk_ratio, one.ci_low, one.ci_high)
    return [
        (*about, "below_cut", None, one.cut, *_share(one.below_churned, one.below_n), one.cut, one.statistic, p, q, *ratio,
         one.is_insufficient),
        (*about, "above_cut", one.cut, None, *_share(one.above_churned, one.above_n), one.cut, *(None,) * 6, one.is_insufficient),
    ]  # fmt: skip


def _share(count: int, n: int) -> Row:
    if not n:
        return n, count, None, None, None
    low, high = wilson_interval(count, n, Z)
    return n, count, count / n, low, high


def cohorts(panel: Panel, min_n: int) -> list[Row]:
    """Thirds of onboarding quality, by segment."""
    found = [
        (segment, onboarding(*first_and_later(panel, panel.cells(segment)), min_n=min_n))
        for segment in (None, *panel.segment_names)
    ]
    p = [None if one.is_insufficient else one.p for _, one in found]
    return [
        (
            *_scope(segment),
            third.third,
            third.quality_low,
            third.quality_high,
            third.n,
            third.expanded,
            third.rate,
            third.ci_low,
            third.ci_high,
            third.difference,
            third.difference_low,
            third.difference_high,
            own_p,
            q,
            one.is_insufficient,
        )
        for (segment, one), own_p, q in zip(found, p, q_values(p), strict=True)
        for third in one.thirds
    ]


def adjusted(panel: Panel, min_n: int) -> list[Row]:
    """Odds ratios of quality, alone and beside tier, revenue, tenure and volume."""
    found = [
        one
        for outcome in MODELLED
        for segment in (None, *panel.segment_names)
        for one in odds(panel, outcome, segment=segment, min_n=min_n)
    ]
    return [
        (
            one.outcome,
            *_scope(one.segment),
            "adjusted" if one.is_adjusted else "unadjusted",
            one.n,
            one.accounts,
            one.events,
            one.odds_ratio,
            one.ci_low,
            one.ci_high,
            one.p,
            q,
            one.auroc,
            one.calibration_error,
            one.is_insufficient,
        )
        for one, q in zip(found, q_values([one.p for one in found]), strict=True)
    ]


def leading(connection: psycopg.Connection, panel: Panel, last_month: date, seed: int) -> list[Row]:
    """By how many weeks quality leads engagement, lost renewals and leaving."""
    found = weeks.leads(weeks.read(connection, panel, last_month, seed), seed)
    q = q_values([one.p for *_, one in found])
    return [
        (
            outcome,
            *_scope(segment),
            one.n,
            units,
            one.weeks,
            one.weeks_low,
            one.weeks_high,
            one.gain,
            one.ci_low,
            one.ci_high,
            one.p,
            value,
            one.is_lower_worse,
            one.is_insufficient,
        )
        for (segment, outcome, units, one), value in zip(found, q, strict=True)
    ]


def criteria(connection: psycopg.Connection, last_month: date, min_n: int, seed: int) -> list[Row]:
    """What goes with a missed criterion."""
    return [
        (
            one.subject,
            one.indicator,
            one.kpi,
            one.dimension,
            one.failed_n,
            one.held_n,
            one.failed_mean,
            one.held_mean,
            one.difference,
            one.ci_low,
            one.ci_high,
            one.p,
            one.q,
            one.is_insufficient,
        )
        for one in criterion_effects.effects(connection, last_month, min_n=min_n, seed=seed)
    ]
