"""The periodic evaluation of AI agents, for a week or a month: what got worse, what to do, and which cases to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from touchstone.errors import ConfigurationError, WarehouseError
from touchstone.reports import formats
from touchstone.reports.pages import Row, Snapshot, environment, snapshot
from touchstone.settings import Settings, get_settings
from touchstone.statefiles import write_atomic

PERIODS = ("week", "month")
RELATIONS = (
    "marts.rpt_ai_scorecards",
    "marts.rpt_ai_patterns_weekly",
    "marts.fct_ai_failures",
    "marts.rpt_agent_version_decisions",
    "marts.rpt_drift_signals_daily",
    "marts.rpt_response_accuracy_monthly",
    "marts.rpt_insights",
    "marts.fct_evaluation_samples",
    "marts.fct_knowledge_gaps",
    "marts_evidence.fct_sample_transcripts",
)
FIRST_INSIGHTS, MORE_INSIGHTS, SIGNALS, SEGMENTS, CASES = 5, 20, 20, 6, 12
FIGURES = (
    ("resolution_rate", "Resolved", True),
    ("containment_quality_rate", "Of the contained, resolved", True),
    ("containment_rate", "Contained", None),
    ("escalation_rate", "Escalated", None),
    ("soft_escalation_rate", "Asked in vain for more help", False),
    ("clarification_share", "Turns that ask again", False),
    ("explicit_relevance_rate", "Rated answers that were useful", True),
)
"""Rates of the scorecard that the page shows, and whether more of them is better; None: neither alone says so."""
OTHER_FIGURES = ("effort", "turns_per_resolution", "open_days", "score_distribution")
"""Metrics of insights and early signs that are no shares."""
CLASSES = {
    "tool": "A tool call failed",
    "knowledge": "Nothing, or something stale, was found",
    "workflow": "Wrong route, or a late or missed escalation",
    "reasoning": "Right sources, wrong answer",
    "communication": "Right answer, not understood",
}
DECISIONS = {
    "expand": ("good", "expand"),
    "hold": ("", "hold"),
    "roll_back": ("bad", "roll back"),
    "too_early": ("", "too early"),
}


@dataclass
class Evaluation:
    """What the page shows, of one period.

    Attributes:
        card, previous: The scorecard of all AI agents in the period and in the one before it; None without episodes.
        segments: The segments with the lowest resolution rate, of those with enough episodes.
        cases: Sampled episodes of the period's weeks with their redacted messages, the most telling first.
    """

    as_of: datetime
    period: str
    first_day: date
    last_day: date
    card: Row | None
    previous: Row | None
    segments: list[Row]
    insights: list[Row]
    versions: list[Row]
    signals: list[Row]
    patterns: list[Row]
    failures: list[Row]
    accuracies: list[Row]
    gaps: list[Row]
    cases: list[Row]


def period_before(as_of: datetime, period: str) -> tuple[date, date]:
    """First and last day of the last whole ISO week or month before a moment.

    Raises:
        ConfigurationError: The period is neither.
    """
    day = as_of.astimezone(UTC).date()
    if period == "week":
        end = day - timedelta(days=day.weekday())
        return end - timedelta(days=7), end - timedelta(days=1)
    if period == "month":
        last = day.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    raise ConfigurationError("there is no such period", period, f"Use {' or '.join(PERIODS)}.")


def render(period: str, settings: Settings | None = None, path: Path | None = None) -> Path:
    """Write the evaluation of the last whole period that is published.

    Args:
        period: `week` or `month`.
        path: By default `build/ai_evaluation/<period>-<first day>.html`.

    Raises:
        ConfigurationError: The period is neither.
        WarehouseError: The marts of evaluation are not published.
    """
    settings = settings or get_settings()
    found = collect(period, settings)
    path = path or settings.build_dir / "ai_evaluation" / f"{period}-{found.first_day.isoformat()}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    words = {"FIGURES": FIGURES, "CLASSES": CLASSES, "DECISIONS": DECISIONS}
    template = environment(**words).get_template("ai_evaluation.html.j2")
    page = template.render(
        found=found, first=FIRST_INSIGHTS, min_n=settings.parameters["min_cell_n"], change=change, figure=figure
    )
    write_atomic(path, page, 0o644)
    return path


def change(found: Evaluation, figure: str) -> float | None:
    """Difference of a rate to the period before, in points; None where either is unknown."""
    if found.card is None or found.previous is None:
        return None
    now, before = found.card[figure], found.previous[figure]
    return None if now is None or before is None else 100 * (now - before)


def figure(value: float | None, metric: str) -> str:
    """A value as its metric reads: shares in percent, other figures with three digits."""
    if value is None:
        return formats.NONE
    return f"{value:.3g}" if metric in OTHER_FIGURES or not 0 <= value <= 1 else f"{100 * value:.1f} %"


def collect(period: str, settings: Settings) -> Evaluation:
    """Read everything in one snapshot of the published marts.

    Raises:
        ConfigurationError: The period is neither a week nor a month.
        WarehouseError: The marts of evaluation are not published.
    """
    with snapshot(settings) as published:
        as_of = published.published_as_of() if published.is_published(RELATIONS) else None
        if as_of is None:
            raise WarehouseError(
                "no evaluation of AI agents is published",
                None,
                "Run the daily cycle: `touchstone run`, or `touchstone publish`.",
            )
        return _evaluation(published, as_of, period)


def _evaluation(published: Snapshot, as_of: datetime, period: str) -> Evaluation:
    first, last = period_before(as_of, period)
    before = period_before(datetime(first.year, first.month, first.day, tzinfo=UTC), period)[0]
    values: dict[str, Any] = {
        "period": period,
        "first": first,
        "last": last,
        "before": before,
        # samples and patterns are weekly: those whose week began in the period
        "until": last + timedelta(days=1),
    }
    cards = published.rows(
        """
        select * from marts.rpt_ai_scorecards
        where period_type = %(period)s and slice_type = 'all' and period_start in (%(first)s, %(before)s)
        """,
        values,
    )
    by_start = {row["period_start"]: row for row in cards}
    return Evaluation(
        as_of,
        period,
        first,
        last,
        card=by_start.get(first),
        previous=by_start.get(before),
        segments=published.rows(
            f"""
            select * from marts.rpt_ai_scorecards
            where period_type = %(period)s and period_start = %(first)s and slice_type not in ('all', 'escalation_reason')
                and not is_below_min_n
                and resolution_rate is not null
            order by resolution_rate, slice_type, slice_value limit {SEGMENTS}
            """,  # noqa: S608
            values,
        ),
        insights=published.rows(
            f"select * from marts.rpt_insights order by place, insight_key limit {FIRST_INSIGHTS + MORE_INSIGHTS}"  # noqa: S608
        ),
        versions=published.rows(
            """
            select * from marts.rpt_agent_version_decisions
            where coalesce(alarm_date, version_started_date + look_days) >= %(before)s
            order by version_started_date desc, agent_key, agent_version
            """,
            values,
        ),
        signals=published.rows(
            f"""
            select * from (
                select distinct on (signal, slice_type, slice_value) *
                from marts.rpt_drift_signals_daily
                where interaction_date between %(first)s and %(last)s
                order by signal, slice_type, slice_value, interaction_date desc
            ) as newest
            where is_worse
            order by first_out_date, signal, slice_type, slice_value limit {SIGNALS}
            """,  # noqa: S608
            values,
        ),
        patterns=published.rows(
            """
            select pattern, topic, sum(pattern_count)::int as pattern_count, sum(n)::int as n
            from marts.rpt_ai_patterns_weekly
            where period_start >= %(first)s and period_start < %(until)s
            group by pattern, topic
            having sum(pattern_count) > 0
            order by pattern, topic = 'all' desc, sum(pattern_count) desc, topic
            """,
            values,
        ),
        failures=published.rows(
            """
            select failure_class, count(*)::int as n,
                mode() within group (order by topic) as topic
            from marts.fct_ai_failures where interaction_date between %(first)s and %(last)s
            group by failure_class order by count(*) desc, failure_class
            """,
            values,
        ),
        accuracies=published.rows(
            """
            select * from (
                select distinct on (topic) * from marts.rpt_response_accuracy_monthly
                where period_start <= %(last)s order by topic, period_start desc
            ) as newest
            where is_flat_or_declining order by correct_rate, topic
            """,
            values,
        ),
        gaps=published.rows(
            """
            select * from marts.fct_knowledge_gaps
            where opened_at >= %(first)s and opened_at < %(until)s and is_open order by priority_rank, gap_id
            """,
            values,
        ),
        cases=_cases(published, values),
    )


def _cases(published: Snapshot, values: dict[str, Any]) -> list[Row]:
    """Sampled episodes with their messages: failures, near-failures and others in turn, so that none crowds out the rest."""
    cases = published.rows(
        f"""
        select * from (
            select samples.*,
                row_number() over (partition by stratum order by period_start desc, priority desc, draw_number) as turn
            from marts.fct_evaluation_samples as samples
            where period_start >= %(first)s and period_start < %(until)s
        ) as drawn
        order by turn, stratum, interaction_key limit {CASES}
        """,  # noqa: S608
        values,
    )
    for case in cases:
        case["messages"] = published.rows(
            """
            select * from marts_evidence.fct_sample_transcripts
            where interaction_key = %(interaction_key)s and episode_number = %(episode_number)s order by ordinal
            """,
            case,
        )
    return cases
