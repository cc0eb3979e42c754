"""The daily check: is anything broken? Gates, sources, volume, escalations, violations, unusual reports, and alarms of a day."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from touchstone.reports import charts, formats
from touchstone.reports.pages import Row
from touchstone.reports.periodic import Figure, Parts, Summary, measured, plural, reading, write
from touchstone.settings import Settings, get_settings

SIGNALS = {
    "escalation": "Escalations",
    "turns_per_resolution": "Messages to a solution",
    "clarification": "Customers who ask again",
    "tool_failure": "Failed tool calls",
    "negative_feedback": "Bad ratings of answers",
    "open_days": "Days to a solution",
    "score_distribution": "Distribution of scores",
}
WEEKS, LEAST_WEEKS, CHART_DAYS, MOST = 8, 4, 28, 12
LEVELS = {"escalate": "call for escalation", "supervisor": "call for a supervisor"}


@dataclass
class Check:
    """What the page shows of one day; a part that is None is not published.

    Attributes:
        failed, claims: Claims about the data that did not hold at the newest run of their gate, and all of them.
        volume: Interactions of the day beside those of the same weekday of eight weeks.
        spikes: Early signs that stand above their limits on the day, those that are new on it first.
        violations: Broken policies of the day, with how many of a usual day.
        moods: Conversations of the day by level of attention that the customer's words call for.
        intents: Questions that are like none that the model of intents knows, asked in the last seven days.
        alarms: Versions of the AI agent with an alarm that is not yet decided, and insights since the day.
    """

    claims: list[Row] | None
    sources: list[Row] | None
    volume: Row | None
    volumes: list[Row] | None
    spikes: list[Row] | None
    lows: list[Row] | None
    violations: list[Row] | None
    moods: list[Row] | None
    intents: list[Row] | None
    alarms: list[Row] | None
    insights: list[Row] | None
    backlog: list[Row] | None

    @property
    def failed(self) -> list[Row]:
        return [row for row in self.claims or [] if not row["is_success"]]

    @property
    def late(self) -> list[Row]:
        return [row for row in self.sources or [] if row["is_stale"] or row["failed_runs_7d"]]

    @property
    def over(self) -> list[Row]:
        """Policies and moods of which the day has more than is usual."""
        return [row for row in [*(self.violations or []), *(self.moods or [])] if row["is_unusual"]]


class View:
    """What the template needs beside the check."""

    def __init__(self, check: Check, parameters: dict[str, Any]) -> None:
        self.check = check
        self.signals = SIGNALS
        self.sigmas = parameters["drift_sigmas"]
        self.stale_hours = parameters["source_stale_hours"]
        self.drawing = charts.Drawing()

    def backlog_chart(self) -> Any:
        rows = self.check.backlog or []
        return self.drawing.both(charts.backlog(rows), "Open conversations by day, and opened and solved")

    def volume_chart(self) -> Any:
        rows = [
            charts.Bar(
                f"{row['interaction_date']:%A}, {formats.day(row['interaction_date'])}",
                row["interaction_count"],
                f"{row['interaction_count']:,}",
                charts.COLOURS["human_agent"] if row is self.check.volumes[-1] else charts.COLOURS["all"],
            )
            for row in self.check.volumes or []
        ]
        return self.drawing.svg(charts.bars(rows), "Conversations of this weekday in the last weeks")


def render(settings: Settings | None = None, folder: Path | None = None, now: datetime | None = None) -> Path:
    """Write the check of the last day that is published; the page, with the e-mail beside it.

    Args:
        settings: Whose warehouse is read; the process's own by default.
        folder: Where to; by default `build/reports/daily`.
        now: When it is read: a publication that is too old by then is the first thing that is broken.

    Raises:
        WarehouseError: Nothing is published.
    """
    settings = settings or get_settings()
    with reading(settings) as parts:
        day = (parts.as_of - timedelta(microseconds=1)).date()
        check = collect(parts, day)
        summary = summarise(check, parts, day, now or datetime.now(UTC))
    return write(summary, View(check, settings.parameters), settings, folder)


def collect(parts: Parts, day: date) -> Check:
    """Read every part of one day."""
    values = {"day": day, "since": day - timedelta(days=CHART_DAYS - 1), "week": day - timedelta(days=6)}
    volumes = parts.rows(
        "rpt_coverage_daily",
        """
        select days.interaction_date::date as interaction_date, coalesce(interaction_count, 0) as interaction_count
        from generate_series(%(first)s::date, %(day)s::date, interval '7 days') as days (interaction_date)
        left join marts.rpt_coverage_daily as coverage on days.interaction_date = coverage.interaction_date
        where days.interaction_date >= (select min(interaction_date) from marts.rpt_coverage_daily)
        order by interaction_date
        """,
        values | {"first": day - timedelta(days=7 * WEEKS)},
    )
    return Check(
        claims=parts.rows(
            "rpt_gate_results",
            """
            select distinct on (gate, checked_object, expectation, claim) *
            from marts.rpt_gate_results
            order by gate, checked_object, expectation, claim, as_of desc, checked_at desc
            """,
        ),
        sources=parts.rows("rpt_source_health", "select * from marts.rpt_source_health order by source, instance"),
        volume=unusual_volume(volumes or [], parts.parameters["drift_sigmas"]),
        volumes=volumes,
        spikes=parts.rows(
            "rpt_drift_signals_daily",
            f"""
            select *, first_out_date = interaction_date as is_new from marts.rpt_drift_signals_daily
            where interaction_date = %(day)s and is_worse
            order by signal <> 'escalation', first_out_date desc, signal, slice_type, slice_value limit {MOST}
            """,  # noqa: S608
            values,
        ),
        lows=parts.rows(
            "rpt_quality_control_limits",
            f"""
            select * from marts.rpt_quality_control_limits
            where interaction_date = %(day)s and verdict = 'decline' and measure_type = 'total'
            order by moving_value - limit_low, slice_type, slice_value, subject limit {MOST}
            """,  # noqa: S608
            values,
        ),
        violations=_unusual(
            parts.rows(
                "fct_policy_violations",
                _COUNTED_BY_DAY.format(
                    name="indicator_title", rows="marts.fct_policy_violations", critical="bool_or(is_critical)"
                ),
                values,
            ),
            parts.parameters["drift_sigmas"],
        ),
        moods=_unusual(
            parts.rows(
                "fct_interactions",
                _COUNTED_BY_DAY.format(
                    name="sentiment_level",
                    rows="(select * from marts.fct_interactions where sentiment_level in ('supervisor', 'escalate')) as levels",
                    critical="sentiment_level = 'escalate'",
                ),
                values,
            ),
            parts.parameters["drift_sigmas"],
        ),
        intents=parts.rows(
            "rpt_novel_intents_weekly",
            f"""
            select cluster_name, owner_team, recommended_action, sum(question_count)::int as question_count, max(last_seen_at) as last_seen_at
            from marts.rpt_novel_intents_weekly
            where period_start >= date_trunc('week', %(week)s::timestamp) and recommended_action in ('review', 'train_again')
            group by cluster_id, cluster_name, owner_team, recommended_action
            order by question_count desc, cluster_name limit {MOST}
            """,  # noqa: S608
            values,
        ),
        alarms=parts.rows(
            "rpt_agent_version_decisions",
            """
            select * from marts.rpt_agent_version_decisions
            where decision = 'roll_back' and alarm_date between %(week)s and %(day)s order by alarm_date desc, agent_key, agent_version
            """,
            values,
        ),
        insights=parts.rows(
            "rpt_insights",
            f"select * from marts.rpt_insights where since_date = %(day)s order by place limit {MOST}",  # noqa: S608
            values,
        ),
        backlog=parts.rows(
            "rpt_backlog_daily",
            """
            select * from marts.rpt_backlog_daily
            where slice_type = 'all' and backlog_date between %(since)s and %(day)s order by backlog_date
            """,
            values,
        ),
    )


_COUNTED_BY_DAY = """
    select {name} as name, {critical} as is_critical,
        count(*) filter (where interaction_date = %(day)s)::int as n,
        count(*) filter (where interaction_date < %(day)s)::int as before_n,
        (%(day)s - %(since)s)::int as before_days
    from {rows}
    where interaction_date between %(since)s and %(day)s
    group by {name}
    having count(*) filter (where interaction_date = %(day)s) > 0
    order by n desc, name
"""


def unusual_volume(volumes: list[Row], sigmas: float) -> Row | None:
    """The last of the days beside the ones before it: outside its limits, where the others differ by what is usual.

    Args:
        volumes: interaction_date and interaction_count of one weekday, the day in question last.
        sigmas: Standard deviations from which a day is unusual.

    Returns:
        n, expected, low, high and is_unusual; None below four days before it.
    """
    if len(volumes) <= LEAST_WEEKS:
        return None
    *before, n = (row["interaction_count"] for row in volumes)
    mean = sum(before) / len(before)
    variance = sum((count - mean) ** 2 for count in before) / (len(before) - 1)
    # no day is surer than chance lets it be, and the mean of few days is not sure either
    half = sigmas * math.sqrt(max(variance, mean) * (1 + 1 / len(before)))
    low, high = max(0.0, mean - half), mean + half
    return {
        "n": n,
        "expected": mean,
        "low": low,
        "high": high,
        "is_unusual": not low <= n <= high,
        "weeks": len(before),
    }


def _unusual(rows: list[Row] | None, sigmas: float) -> list[Row] | None:
    """Counts of the day against the mean of the days before it: more than chance adds to it is unusual."""
    if rows is None:
        return None
    for row in rows:
        usual = row["before_n"] / max(1, row["before_days"])
        row["usual"] = usual
        row["is_unusual"] = row["n"] > usual + sigmas * math.sqrt(
            max(usual, 1 / max(1, row["before_days"])) + usual / max(1, row["before_days"])
        )
    return rows


def summarise(check: Check, parts: Parts, day: date, now: datetime) -> Summary:
    """What is broken, the most urgent first."""
    age = now - parts.as_of
    found = [
        *(
            [
                f"Nothing newer than {formats.moment(parts.as_of)} is published: the daily cycle has not come to its end since."
            ]
            if age > timedelta(hours=parts.parameters["source_stale_hours"])
            else []
        ),
        *_of_data(check, parts),
        *(
            [
                f"{plural(check.volume['n'], 'conversation')} came in, where {check.volume['low']:,.0f} to {check.volume['high']:,.0f} are usual."
            ]
            if check.volume and check.volume["is_unusual"]
            else []
        ),
        *(f"{row['recommended_action']}. (Alarm of {formats.day(row['alarm_date'])}.)" for row in check.alarms or []),
        *_of_signs(check),
    ]
    headline = "Nothing is broken." if not found else f"{plural(len(found), 'thing needs', 'things need')} a look."
    last = (check.backlog or [None])[-1]
    figures = []
    if check.volumes:
        usual = f"{check.volume['low']:,.0f} to {check.volume['high']:,.0f} are usual" if check.volume else ""
        tone = "bad" if check.volume and check.volume["is_unusual"] else ""
        figures.append(
            Figure("Conversations of the day", measured(check.volumes[-1]["interaction_count"], "count"), usual, tone)
        )
    if last:
        figures.append(
            Figure(
                "Open at its end",
                measured(last["open_count"], "count"),
                f"{last['opened_count']:,} opened, {last['solved_count']:,} solved",
            )
        )
    if check.claims:
        held = len(check.claims) - len(check.failed)
        figures.append(
            Figure(
                "Claims about the data that hold",
                f"{held} of {len(check.claims)}",
                "",
                "bad" if check.failed else "good",
            )
        )
    if check.sources:
        fresh = sum(not row["is_stale"] for row in check.sources)
        figures.append(
            Figure(
                "Sources up to date",
                f"{fresh} of {len(check.sources)}",
                "",
                "good" if fresh == len(check.sources) else "bad",
            )
        )
    return Summary("daily", "Daily check", day, day, parts.as_of, headline, found, figures)


def _of_data(check: Check, parts: Parts) -> list[str]:
    found = []
    blocking = [row for row in check.failed if row["severity"] == "blocking"]
    if blocking:
        found.append(
            f"{plural(len(blocking), 'claim')} about the data that must hold did not: {blocking[0]['claim']} ({blocking[0]['checked_object']})."
        )
    if len(check.failed) > len(blocking):
        row = next(row for row in check.failed if row["severity"] != "blocking")
        found.append(
            f"{plural(len(check.failed) - len(blocking), 'claim')} about the data warned: {row['claim']} ({row['checked_object']})."
        )
    stale = [row for row in check.sources or [] if row["is_stale"]]
    if stale:
        names = formats.listed([f"{row['source']} ({row['instance']})" for row in stale])
        found.append(f"{names} sent nothing newer than {parts.parameters['source_stale_hours']} hours.")
    broken = [row for row in check.sources or [] if row["failed_runs_7d"]]
    if broken:
        names = formats.listed(
            [f"{row['source']} ({row['instance']}): {row['failed_runs_7d']} of {row['runs_7d']}" for row in broken]
        )
        found.append(f"Loads of the last seven days failed: {names}.")
    return found


def _of_signs(check: Check) -> list[str]:
    found = []
    for row in [row for row in check.spikes or [] if row["is_new"]]:
        place = (
            "" if row["slice_type"] == "all" else f" ({formats.words(row['slice_type']).lower()} {row['slice_value']})"
        )
        found.append(
            f"{SIGNALS.get(row['signal'], formats.words(row['signal']))}{place} left the limits on this day. {row['recommended_action']}."
        )
    for row in check.over:
        name = LEVELS.get(row["name"], row["name"])
        kind = "Conversations whose words " if row["name"] in LEVELS else "Violations of the policy "
        found.append(
            f"{kind}{name if row['name'] in LEVELS else f'“{name}”'}: {row['n']:,}, where {row['usual']:.1f} a day are usual."
        )
    for row in [row for row in check.lows or [] if row["first_out_date"] == row["interaction_date"]]:
        found.append(f"{row['recommended_action']}: quality left its limits on this day.")
    if check.intents:
        n = sum(row["question_count"] for row in check.intents)
        found.append(
            f"{plural(n, 'question')} of the last days are like none that was known: {formats.listed([row['cluster_name'] for row in check.intents[:3]])}."
        )
    return found
