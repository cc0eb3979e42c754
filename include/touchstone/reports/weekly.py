"""The weekly report: trends, new gaps, what recent fixes did, and where customers struggle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import NormalDist
from typing import Any

from touchstone.reports import charts, formats
from touchstone.reports.ai_evaluation import period_before
from touchstone.reports.movements import CHANCE, SETTLE_DAYS, Movement, movements, shift
from touchstone.reports.pages import Row
from touchstone.reports.periodic import Figure, Parts, Summary, measured, moved, plural, reading, write
from touchstone.reports.series import series
from touchstone.reports.statistics import wilson_interval
from touchstone.settings import Settings, get_settings

WEEKS, MOST_GAPS, MOST_STRUGGLES, FIX_DAYS = 13, 10, 10, 28
STRUGGLES = {
    "containment_quality": "left the AI agent with their issue solved",
    "repeat_contact_rate": "had to come back with the same matter",
    "customer_satisfaction": "were satisfied",
    "dissatisfied_share": "were clearly unhappy",
}
"""Metrics that tell where customers struggle, and how a sentence goes on after `of 100 customers`."""
VERDICTS = {
    "worked": ("good", "worked"),
    "no_effect": ("warn", "no effect seen"),
    "worse": ("bad", "worse than before"),
    "too_early": ("", "too early to say"),
}


@dataclass
class Week:
    """What the page shows of one ISO week; a part that is None is not published.

    Attributes:
        metrics: Primary and secondary metrics of all interactions with the week's value, the one before, and the change.
        courses: Their values of the last weeks by metric_id.
        struggles: Topics where a metric is surely worse than everywhere else together, the surest first.
    """

    metrics: list[Row] | None
    courses: dict[str, list[Row]]
    moves: list[Movement]
    new_gaps: list[Row] | None
    gap_weeks: list[Row] | None
    fixes: list[Row] | None
    struggles: list[Row] | None
    effects: list[Row] | None


class View:
    """What the template needs beside the week."""

    def __init__(self, week: Week, last: date) -> None:
        self.week, self.last = week, last
        self.verdicts, self.struggle_words = VERDICTS, STRUGGLES
        self.drawing = charts.Drawing()

    def charted(self) -> list[Row]:
        """Metrics with a course to draw: those that lead."""
        return [row for row in self.week.metrics or [] if row["tier"] == "primary" or row["in_default_profile"]]

    def chart(self, row: Row) -> Any:
        found = self.week.courses[row["metric_id"]]
        factor = {"share": 100, "minutes": 1 / 60}.get(row["unit"], 1)
        title = {"share": "%", "minutes": "hours", "score": "points"}.get(row["unit"], "")
        draw = series(found, factor=factor, title=title, days=7)
        return self.drawing.svg(draw(charts.HALF), f"{row['label']} by week with its interval and n")


def render(settings: Settings | None = None, folder: Path | None = None) -> Path:
    """Write the report of the last whole ISO week that is published; the page, with the e-mail beside it.

    Raises:
        WarehouseError: Nothing is published.
    """
    settings = settings or get_settings()
    with reading(settings) as parts:
        first, last = period_before(parts.as_of, "week")
        week = collect(parts, first, last)
        summary = summarise(week, parts, first, last)
    return write(summary, View(week, last), settings, folder)


def collect(parts: Parts, first: date, last: date) -> Week:
    """Read every part of one week."""
    values: dict[str, Any] = {
        "first": first,
        "last": last,
        "until": last + timedelta(days=1),
        "before": first - timedelta(days=7),
        "earliest": first - timedelta(days=7 * (WEEKS - 1)),
        "fixed": last - timedelta(days=FIX_DAYS),
    }
    courses: dict[str, list[Row]] = {}
    for row in (
        parts.rows(
            "fct_metric_values",
            """
            select metric_id, period_start, value, ci_low as low, ci_high as high, n, is_below_min_n as is_small
            from marts.fct_metric_values
            where period_type = 'week' and slice_type = 'all' and period_start between %(earliest)s and %(first)s
            order by metric_id, period_start
            """,
            values,
        )
        or []
    ):
        courses.setdefault(row["metric_id"], []).append(row)
    metrics = parts.rows(
        "dim_metrics fct_metric_values",
        """
        select metrics.metric_id, metrics.label, metrics.unit, metrics.tier, metrics.direction, metrics.in_default_profile, metrics.place,
            this.n, this.value, this.ci_low, this.ci_high, this.is_below_min_n,
            previous.value as previous_value, previous.ci_low as previous_ci_low, previous.ci_high as previous_ci_high,
            previous.is_below_min_n as is_previous_small
        from marts.dim_metrics as metrics
        inner join marts.fct_metric_values as this
            on metrics.metric_id = this.metric_id and this.period_type = 'week' and this.slice_type = 'all'
            and this.period_start = %(first)s
        left join marts.fct_metric_values as previous
            on metrics.metric_id = previous.metric_id and previous.period_type = 'week' and previous.slice_type = 'all'
            and previous.period_start = %(before)s
        where metrics.tier in ('primary', 'secondary')
        order by metrics.place
        """,
        values,
    )
    today = parts.as_of.date()
    for row in metrics or []:
        row["settles_on"] = last + timedelta(days=SETTLE_DAYS.get(row["metric_id"], 0))
        row["is_settled"] = row["settles_on"] <= today
        row |= judged_change(row)
        row["tone"] = row["tone"] if row["is_settled"] else ""
    for metric, course in courses.items():
        for row in course:
            end = row["period_start"] + timedelta(days=6 + SETTLE_DAYS.get(metric, 0))
            row["is_small"] = row["is_small"] or end > today
    return Week(
        metrics=metrics,
        courses=courses,
        moves=movements(parts, first, last),
        new_gaps=parts.rows(
            "fct_knowledge_gaps",
            """
            select * from marts.fct_knowledge_gaps
            where opened_at >= %(first)s and opened_at < %(until)s and is_open order by priority_rank, gap_id
            """,
            values,
        ),
        gap_weeks=parts.rows(
            "rpt_knowledge_gaps_weekly",
            "select * from marts.rpt_knowledge_gaps_weekly where period_start between %(earliest)s and %(first)s order by period_start",
            values,
        ),
        fixes=parts.rows(
            "rpt_gap_fixes",
            "select * from marts.rpt_gap_fixes where fixed_at >= %(fixed)s and fixed_at < %(until)s order by fixed_at desc, gap_id, fix_number",
            values,
        ),
        struggles=_struggles(parts, values),
        effects=parts.rows(
            "rpt_change_effects",
            """
            select * from marts.rpt_change_effects
            where change_date between %(fixed)s and %(last)s and verdict in ('better', 'worse', 'no_effect')
                and metric in ('resolution', 'containment_quality', 'escalation')
            order by change_date desc, change_key, metric
            """,
            values,
        ),
    )


def _struggles(parts: Parts, values: dict[str, Any]) -> list[Row] | None:
    """Topics of the last four weeks against all other topics: worse, by more than chance makes of as many comparisons."""
    rows = parts.rows(
        "fct_metric_values dim_metrics",
        """
        with sums as (
            select facts.metric_id, facts.slice_type, facts.slice_value, sum(facts.numerator) as numerator, sum(facts.denominator) as n
            from marts.fct_metric_values as facts
            where facts.period_type = 'week' and facts.slice_type in ('topic', 'all') and facts.metric_id = any(%(metrics)s)
                and facts.period_start between %(since)s and %(first)s
            group by facts.metric_id, facts.slice_type, facts.slice_value
        )
        select topics.metric_id, metrics.label, metrics.direction, topics.slice_value as topic, topics.numerator, topics.n,
            topics.numerator / topics.n as value, (whole.numerator - topics.numerator) / (whole.n - topics.n) as elsewhere,
            whole.n - topics.n as elsewhere_n
        from sums as topics
        inner join sums as whole on topics.metric_id = whole.metric_id and whole.slice_type = 'all'
        inner join marts.dim_metrics as metrics on topics.metric_id = metrics.metric_id
        where topics.slice_type = 'topic' and topics.n >= %(min_n)s and whole.n - topics.n >= %(min_n)s
        order by topics.metric_id, topics.slice_value
        """,
        values
        | {
            "metrics": list(STRUGGLES),
            "since": values["first"] - timedelta(days=21),
            "min_n": parts.parameters["min_cell_n"],
        },
    )
    if rows is None:
        return None
    z = NormalDist().inv_cdf(1 - CHANCE / max(1, len(rows)))
    found = []
    for row in rows:
        difference, strength = shift(
            row["elsewhere"] * row["elsewhere_n"], row["elsewhere_n"], row["numerator"], row["n"], z
        )
        if strength > 1 and (difference > 0) == (row["direction"] == -1):
            low, high = wilson_interval(row["numerator"], row["n"], parts.parameters["z_95"])
            found.append(row | {"strength": strength, "low": low, "high": high})
    return sorted(found, key=lambda row: (-row["strength"], row["topic"]))[:MOST_STRUGGLES]


def judged_change(row: Row) -> Row:
    """change, its interval, and tone: good or bad where the interval (square and add, Newcombe 1998) lies on one side of 0."""
    if row["value"] is None or row["previous_value"] is None:
        return {"change": None, "change_low": None, "change_high": None, "tone": ""}
    change = row["value"] - row["previous_value"]
    bounds = (row["ci_low"], row["ci_high"], row["previous_ci_low"], row["previous_ci_high"])
    if None in bounds or row["is_below_min_n"] or row["is_previous_small"]:
        return {"change": change, "change_low": None, "change_high": None, "tone": ""}
    low = change - math.hypot(row["value"] - row["ci_low"], row["previous_ci_high"] - row["previous_value"])
    high = change + math.hypot(row["ci_high"] - row["value"], row["previous_value"] - row["previous_ci_low"])
    sure = low > 0 or high < 0
    tone = "" if not sure else "good" if (change > 0) == (row["direction"] == 1) else "bad"
    return {"change": change, "change_low": low, "change_high": high, "tone": tone}


def summarise(week: Week, parts: Parts, first: date, last: date) -> Summary:
    """The week in sentences: what moved, what is new, what fixes did, where customers struggle."""
    moved_rows = [row for row in week.metrics or [] if row["tone"]]
    better = [row for row in moved_rows if row["tone"] == "good"]
    if not week.metrics:
        headline = "Nothing is known of this week."
    elif not moved_rows:
        headline = "No metric moved beyond chance against the week before."
    else:
        worse = len(moved_rows) - len(better)
        headline = f"{len(better) or 'None'} of {len(week.metrics)} metrics got better, {worse or 'none'} got worse."
    sentences = []
    if week.new_gaps:
        names = formats.listed([f"“{row['title']}”" for row in week.new_gaps[:3]])
        sentences.append(
            f"{plural(len(week.new_gaps), 'knowledge gap')} opened: {names}{' and others' if len(week.new_gaps) > 3 else ''}."
        )
    elif week.new_gaps is not None:
        sentences.append("No knowledge gap opened.")
    if week.fixes:
        worked, early = (sum(row["verdict"] == verdict for row in week.fixes) for verdict in ("worked", "too_early"))
        later = f"; of {early} it is too early to say" if early else ""
        sentences.append(
            f"Of {plural(len(week.fixes), 'fix', 'fixes')} of the last four weeks {worked or 'none'} worked{later}."
        )
    if week.struggles:
        row = week.struggles[0]
        sentences.append(
            f"Customers struggle most on {row['topic']}: {100 * row['value']:.0f} of 100 {STRUGGLES[row['metric_id']]}, "
            f"elsewhere {100 * row['elsewhere']:.0f}."
        )
    figures = [
        Figure(
            row["label"],
            measured(row["value"], row["unit"]),
            moved(row["change"], row["unit"]) if row["is_settled"] else "not known in full yet",
            row["tone"],
        )
        for row in week.metrics or []
    ]
    wins = [one.text + "." for one in week.moves if one.is_win]
    declines = [one.text + "." for one in week.moves if not one.is_win]
    return Summary("weekly", "Weekly report", first, last, parts.as_of, headline, sentences, figures, wins, declines)
