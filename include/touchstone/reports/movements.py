"""Wins and declines: what moved beyond chance, beside the change of the log that it follows.

A figure that moved after a change moved with it; nothing here says that the change did it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist
from typing import Any

from touchstone.reports import formats
from touchstone.reports.pages import Row
from touchstone.reports.periodic import Parts, day_month, points
from touchstone.reports.statistics import wilson_interval

CHANCE = 0.05
"""Of all comparisons of a report together: each is held to its share of it (Bonferroni)."""
LEAST_DAYS = 3
"""Days after a change, from which what followed is looked at."""
SETTLE_DAYS = {"first_contact_resolution": 10, "containment_quality": 4, "self_service_success": 4}
"""Days after which a day of a metric is known in full: until then some of its cases are open."""
CHANGES = {
    "agent_version": "version {} of the AI agent",
    "prompt": "the change of the prompt {}",
    "article": "the change of the help page {}",
    "workflow": "the change of the workflow {}",
    "policy": "the change of the policy {}",
    "routing": "the change of the routing {}",
}
EFFECTS = {
    "resolution": "Questions to the AI agent that were solved",
    "policy_violation": "Conversations of the AI agent that broke a rule",
}
"""Metrics of rpt_change_effects that the registry of metrics does not hold, in the words of a page."""
SUBJECTS = {"human_agent": "Support quality of our people", "ai_agent": "Support quality of the AI agent"}


@dataclass(frozen=True)
class Movement:
    """One win or decline.

    Attributes:
        measure: metric_id, or the key of what else moved.
        text: What moved, by how much and since what, as a sentence without its full stop.
        change_key: The change of the log that it follows; None where none is logged.
        strength: How far beyond chance, for the order.
    """

    is_win: bool
    measure: str
    text: str
    n: int
    change_key: str | None
    strength: float


def movements(parts: Parts, first: date, last: date) -> list[Movement]:
    """Wins and declines of the days from `first` to `last`, the surest first; one per measure and slice."""
    found = [*since_changes(parts, first, last), *effects(parts, first, last), *out_of_limits(parts, first, last)]
    return sorted(found, key=lambda one: (-one.strength, one.text))


def since_changes(parts: Parts, first: date, last: date) -> list[Movement]:
    """Registered shares after each change of the log against the last days before it, where the change acts."""
    rows = parts.rows(
        "fct_changes rpt_metric_baselines fct_metric_values dim_metrics",
        """
        with compared as (
            select changes.change_key, changes.change_type, changes.changed, changes.change_date, metrics.metric_id, metrics.label,
                metrics.direction, baselines.slice_type, baselines.slice_value, baselines.numerator as before_count,
                baselines.denominator as before_n, sum(days.numerator) as count, sum(days.denominator) as n
            from marts.fct_changes as changes
            inner join marts.rpt_metric_baselines as baselines
                on changes.change_key = baselines.change_key and baselines.baseline_type = 'before_change'
            inner join marts.dim_metrics as metrics
                on baselines.metric_id = metrics.metric_id and metrics.unit = 'share' and metrics.tier in ('primary', 'secondary')
            inner join marts.fct_metric_values as days
                on baselines.metric_id = days.metric_id and baselines.slice_type = days.slice_type
                and baselines.slice_value = days.slice_value and days.period_type = 'day'
                and days.period_start > changes.change_date
                and days.period_start <= least(
                    %(last)s, changes.change_date + %(days)s, %(today)s - coalesce((%(settle)s::jsonb ->> metrics.metric_id)::int, 0)
                )
            where changes.change_date between %(earliest)s and %(latest)s
            group by changes.change_key, changes.change_type, changes.changed, changes.change_date, metrics.metric_id, metrics.label,
                metrics.direction, baselines.slice_type, baselines.slice_value, baselines.numerator, baselines.denominator
        )
        select * from compared where least(n, before_n) >= %(min_n)s order by change_date, change_key, metric_id
        """,
        {
            "last": last,
            "days": parts.parameters["baseline_days"],
            "earliest": first - timedelta(days=parts.parameters["baseline_days"]),
            "latest": last - timedelta(days=LEAST_DAYS),
            "min_n": parts.parameters["min_cell_n"],
            "today": parts.as_of.date(),
            "settle": json.dumps(SETTLE_DAYS),
        },
    )
    names = labels(parts)
    z = NormalDist().inv_cdf(1 - CHANCE / 2 / max(1, len(rows or [])))
    strongest: dict[tuple[str, str, str], Movement] = {}
    for row in rows or []:
        difference, strength = shift(row["before_count"], row["before_n"], row["count"], row["n"], z)
        if strength <= 1:
            continue
        verb = "rose" if difference > 0 else "fell"
        text = (
            f"{names.get(row['metric_id'], row['label'])}{_where(row)} {verb} by {points(abs(difference)).lstrip('+')} points, "
            f"from {_of_100(row['before_count'], row['before_n'])} to {_of_100(row['count'], row['n'])} of 100, "
            f"since {change_name(row)}"
        )
        place = (row["metric_id"], row["slice_type"], row["slice_value"])
        one = Movement(
            (difference > 0) == (row["direction"] == 1),
            row["metric_id"],
            text,
            int(row["n"]),
            row["change_key"],
            strength,
        )
        if place not in strongest or strongest[place].strength < strength:
            strongest[place] = one
    return list(strongest.values())


def effects(parts: Parts, first: date, last: date) -> list[Movement]:
    """What rpt_change_effects says of AI agents beyond the registered metrics; its verdicts are its own."""
    rows = parts.rows(
        "rpt_change_effects",
        """
        select * from marts.rpt_change_effects
        where verdict in ('better', 'worse') and metric = any(%(metrics)s) and not is_below_min_n
            and change_date between %(earliest)s and %(last)s
        order by change_date, change_key, metric
        """,
        {
            "metrics": list(EFFECTS),
            "last": last,
            "earliest": first - timedelta(days=parts.parameters["baseline_days"]),
        },
    )
    found = []
    for row in rows or []:
        bound = row["ci_low"] if row["difference"] > 0 else row["ci_high"]
        text = (
            f"{EFFECTS[row['metric']]}{_where(row)} {'rose' if row['difference'] > 0 else 'fell'} by "
            f"{points(abs(row['difference'])).lstrip('+')} points, to {100 * row['value']:.0f} of 100, since {change_name(row)}"
        )
        strength = abs(row["difference"]) / max(1e-9, abs(row["difference"] - bound))
        found.append(Movement(row["verdict"] == "better", row["metric"], text, row["n"], row["change_key"], strength))
    return found


def out_of_limits(parts: Parts, first: date, last: date) -> list[Movement]:
    """Scores of teams and topics that stand outside their control limits on their last day in the period."""
    rows = parts.rows(
        "rpt_quality_control_limits",
        """
        select * from (
            select distinct on (slice_type, slice_value, subject) *
            from marts.rpt_quality_control_limits
            where measure_type = 'total' and interaction_date between %(first)s and %(last)s
            order by slice_type, slice_value, subject, interaction_date desc
        ) as newest
        where is_out_of_limits order by slice_type, slice_value, subject
        """,
        {"first": first, "last": last},
    )
    found = []
    for row in rows or []:
        is_win = row["verdict"] == "win"
        since = (
            f"since {change_name(row | {'change_date': row['baseline_until_date']})}"
            if row["change_key"]
            else (f"since {day_month(row['first_out_date'])}; no change is logged for it")
        )
        text = (
            f"{SUBJECTS[row['subject']]}{_where(row)} is {'above' if is_win else 'below'} what is usual: "
            f"{row['moving_value']:.1f} where {row['expected_value']:.1f} is usual, of 100 points, {since}"
        )
        bound = row["limit_high"] if is_win else row["limit_low"]
        strength = abs(row["moving_value"] - row["expected_value"]) / max(1e-9, abs(bound - row["expected_value"]))
        found.append(Movement(is_win, f"quality_{row['subject']}", text, row["n"], row["change_key"], strength))
    return found


def shift(before_count: float, before_n: float, count: float, n: float, z: float) -> tuple[float, float]:
    """Difference of two shares, and how many half-widths of its interval (Newcombe 1998) it is away from 0; above 1 is no chance."""
    before, after = before_count / before_n, count / n
    before_low, before_high = wilson_interval(before_count, before_n, z)
    low, high = wilson_interval(count, n, z)
    difference = after - before
    if difference > 0:
        half = math.hypot(after - low, before_high - before)
    else:
        half = math.hypot(high - after, before - before_low)
    return difference, abs(difference) / half if half else 0.0


def labels(parts: Parts) -> dict[str, str]:
    """Names of measures in the language of the business."""
    rows = parts.rows("rpt_executive_monthly", "select distinct measure, label from marts.rpt_executive_monthly")
    return {row["measure"]: row["label"] for row in rows or []}


def change_name(row: Row) -> str:
    """A change as a sentence names it: what was changed, and when."""
    words = CHANGES.get(row["change_type"], "the change of {}")
    name: Any = row["changed"]
    return f"{words.format(name)} of {day_month(row['change_date'])}"


def _where(row: Row) -> str:
    if row["slice_type"] == "all":
        return ""
    kind = formats.words(row["slice_type"]).lower()
    return f" ({kind} {row['slice_value']})"


def _of_100(count: float, n: float) -> str:
    return f"{100 * count / n:.0f}"
