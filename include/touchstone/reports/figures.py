"""The figures of the report: every query that it makes, read in one snapshot of the published marts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from touchstone.reports.pages import Row, Snapshot, snapshot
from touchstone.settings import Settings

SUBJECTS = ("human_agent", "ai_agent")
RELATIONS = (
    "marts.fct_interactions",
    "marts.fct_interaction_scores",
    "marts.fct_dimension_scores",
    "marts.fct_indicator_results",
    "marts.dim_agents",
    "marts.dim_rubric_dimensions",
    "marts.dim_rubric_indicators",
    "marts.rpt_quality_trends",
    "marts.rpt_coverage_daily",
    "marts.rpt_exclusions_daily",
    "marts.rpt_backlog_daily",
    "marts.rpt_gate_results",
    "marts.rpt_source_health",
    "marts_evidence.fct_evidence_quotes",
)
# Beyond this many days the trend goes by week and the backlog shows its latest part: a bar must stay visible.
LONGEST_DAILY_TREND = 120

# Who gave the first answer: times and first contacts are told apart by it, as scores are by the judged side.
_FIRST_ANSWER = """
    case when handled_by in ('ai_only', 'ai_then_human') then 'ai_agent'
        when handled_by in ('human_only', 'human_then_ai') then 'human_agent' end
"""
_SEGMENTS = {
    "topic": "interactions.topic",
    "agent": "scores.agent_key",
    "team": "interactions.team",
}


@dataclass
class Figures:
    """What the report shows, as plain rows; an empty list means that the marts hold nothing of the kind."""

    is_published: bool
    as_of: datetime | None = None
    totals: Row = field(default_factory=dict)
    subjects: dict[str, Row] = field(default_factory=dict)
    trend_period: str = "day"
    trend: list[Row] = field(default_factory=list)
    distribution: list[Row] = field(default_factory=list)
    segments: dict[str, list[Row]] = field(default_factory=dict)
    dimensions: list[Row] = field(default_factory=list)
    indicators: list[Row] = field(default_factory=list)
    versions: list[Row] = field(default_factory=list)
    first_response: list[Row] = field(default_factory=list)
    first_contact: list[Row] = field(default_factory=list)
    backlog: list[Row] = field(default_factory=list)
    trajectories: list[Row] = field(default_factory=list)
    coverage: Row = field(default_factory=dict)
    exclusions: list[Row] = field(default_factory=list)
    gates: list[Row] = field(default_factory=list)
    sources: list[Row] = field(default_factory=list)
    rubric: list[Row] = field(default_factory=list)
    made_by: Row = field(default_factory=dict)


def collect(settings: Settings) -> tuple[Figures, dict[tuple[str, str], list[Row]]]:
    """Read every figure as the reviewer role, in one snapshot, so that a publication in between changes none of them.

    Returns:
        The figures, and the quotes by (kind, subject), where kind is `worst` or `best`.

    Raises:
        WarehouseError: Some of the marts are published and others are not, or the role may not read them.
    """
    with snapshot(settings) as published:
        reader = _Reader(published.connection, published.parameters)
        if not reader.is_published(RELATIONS):
            return Figures(is_published=False), {}
        figures = reader.figures()
        return figures, reader.quotes(figures)


class _Reader(Snapshot):
    def figures(self) -> Figures:
        totals = self.totals()
        period, trend = self.trend(totals)
        return Figures(
            is_published=True,
            as_of=self.as_of(totals["last_date"]),
            totals=totals,
            subjects={row["subject"]: row for row in self.subjects()},
            trend_period=period,
            trend=trend,
            distribution=self.distribution(),
            segments={name: self.segment(column) for name, column in _SEGMENTS.items()},
            dimensions=self.dimensions(),
            indicators=self.indicators(),
            versions=self.versions(),
            first_response=self.first_response(),
            first_contact=self.first_contact(),
            backlog=self.backlog(),
            trajectories=self.rows(
                """
                select trajectory_class, count(*)::int as n, avg(mean_polarity::numeric)::float8 as mean_polarity
                from marts.fct_interactions where trajectory_class is not null group by trajectory_class
                """
            ),
            coverage=self.rows(
                """
                select coalesce(sum(interaction_count), 0)::int as interaction_count,
                    coalesce(sum(eligible_count), 0)::int as eligible_count,
                    coalesce(sum(scored_count), 0)::int as scored_count,
                    coalesce(sum(excluded_count), 0)::int as excluded_count,
                    coalesce(sum(pending_count), 0)::int as pending_count
                from marts.rpt_coverage_daily
                """
            )[0],
            exclusions=self.rows(
                """
                select excluded_reason, sum(interaction_count)::int as n
                from marts.rpt_exclusions_daily group by excluded_reason order by n desc, excluded_reason
                """
            ),
            gates=self.gates(),
            sources=self.rows("select * from marts.rpt_source_health order by is_stale desc, source, instance"),
            rubric=self.rows(
                """
                select dimension_id, title, weight, purpose, rubric_version from marts.dim_rubric_dimensions
                order by rubric_version, ordinal
                """
            ),
            made_by=self.rows(
                """
                select array_agg(distinct rubric_version) as rubric_versions,
                    array_agg(distinct scorer_version) as scorer_versions,
                    array_agg(distinct calibrator_version) as calibrator_versions
                from marts.fct_interaction_scores
                """
            )[0],
        )

    def as_of(self, last_date: date | None) -> datetime | None:
        """The ledger day that the marts show: of the newest gate or load, else the end of the last day with a contact."""
        known = self.published_as_of()
        if known or last_date is None:
            return known
        return datetime.combine(last_date + timedelta(days=1), time(), UTC)

    def totals(self) -> Row:
        return self.rows(
            """
            select
                count(*)::int as interactions,
                coalesce(sum(message_count), 0)::int as messages,
                count(distinct customer_key)::int as customers,
                min(interaction_date) as first_date,
                max(interaction_date) as last_date,
                count(sentiment_level)::int as sentiment_n,
                count(*) filter (where sentiment_level = 'escalate')::int as escalate,
                count(*) filter (where sentiment_level = 'supervisor')::int as supervisor,
                count(*) filter (where sentiment_level = 'monitor')::int as monitor,
                count(is_rated_positive)::int as rated_n,
                count(*) filter (where is_rated_positive)::int as rated_positive,
                count(is_first_response_in_sla)::int as sla_n,
                count(*) filter (where is_first_response_in_sla)::int as sla_met,
                count(*) filter (where is_solved)::int as solved
            from marts.fct_interactions
            """
        )[0]

    def subjects(self) -> list[Row]:
        return self.rows(
            f"""
            select subject,
                count(total_score)::int as n, {_moments("total_score")},
                count(*) filter (where tier = 'needs_improvement')::int as needs_improvement,
                count(*) filter (where tier = 'acceptable')::int as acceptable,
                count(*) filter (where tier = 'excellent')::int as excellent,
                count(*) filter (where is_critical_failure)::int as critical_failures
            from marts.fct_interaction_scores group by subject
            """  # noqa: S608 - columns named here
        )

    def trend(self, totals: Row) -> tuple[str, list[Row]]:
        period = "day"
        if totals["first_date"] and (totals["last_date"] - totals["first_date"]).days >= LONGEST_DAILY_TREND:
            period = "week"
        return period, self.rows(
            """
            select period_start, subject, n, mean_score as mean, stddev_score as stddev
            from marts.rpt_quality_trends
            where period_type = %s and slice_type = 'all' and measure_type = 'total'
            order by period_start, subject
            """,
            [period],
        )

    def distribution(self) -> list[Row]:
        """Scores by bins of five points; the last bin holds 100."""
        return self.rows(
            """
            select subject, least(floor(total_score / 5), 19)::int * 5 as bin_start, count(*)::int as n
            from marts.fct_interaction_scores where total_score is not null
            group by subject, bin_start order by subject, bin_start
            """
        )

    def segment(self, column: str) -> list[Row]:
        """Mean score by side and value of one slice, lowest first; rows below the smallest n come after the others."""
        # column is one of _SEGMENTS
        return self.rows(
            f"""
            select scores.subject, {column} as value, max(agents.agent_name) as agent_name, max(agents.agent_id) as agent_id,
                max(agents.team) as team,
                count(*)::int as n, {_moments("scores.total_score")},
                count(*) filter (where scores.tier = 'needs_improvement')::int as needs_improvement,
                count(*) filter (where scores.is_critical_failure)::int as critical_failures,
                count(*) < %(min_n)s as is_below_min_n
            from marts.fct_interaction_scores as scores
            inner join marts.fct_interactions as interactions on interactions.interaction_key = scores.interaction_key
            left join marts.dim_agents as agents on agents.agent_key = scores.agent_key
            where scores.total_score is not null and {column} is not null
            group by scores.subject, {column}
            order by scores.subject desc, is_below_min_n, mean, n desc, value
            """,  # noqa: S608
            {"min_n": self.parameters["min_cell_n"]},
        )

    def dimensions(self) -> list[Row]:
        return self.rows(
            f"""
            select scores.subject, scores.dimension_id, coalesce(max(dimensions.title), scores.dimension_id) as title,
                count(scores.score)::int as n, {_moments("scores.score")}
            from marts.fct_dimension_scores as scores
            left join marts.dim_rubric_dimensions as dimensions
                on dimensions.dimension_id = scores.dimension_id and dimensions.rubric_version = scores.rubric_version
            where scores.score is not null
            group by scores.subject, scores.dimension_id
            order by min(dimensions.ordinal) nulls last, scores.dimension_id, scores.subject desc
            """  # noqa: S608 - columns named here
        )

    def indicators(self) -> list[Row]:
        """Share of failures where the indicator applies, highest first; rows below the smallest n come after the others."""
        return self.rows(
            """
            select results.subject, results.indicator_id, coalesce(max(indicators.title), results.indicator_id) as title,
                results.is_critical, max(dimensions.title) as dimension_title,
                count(*)::int as n, count(*) filter (where results.outcome = 'fails')::int as fails,
                count(*) < %(min_n)s as is_below_min_n
            from marts.fct_indicator_results as results
            left join marts.dim_rubric_indicators as indicators
                on indicators.indicator_id = results.indicator_id and indicators.indicator_version = results.indicator_version
            left join marts.dim_rubric_dimensions as dimensions on dimensions.dimension_id = indicators.dimension_id
                and dimensions.rubric_version = indicators.rubric_version
            where results.outcome in ('holds', 'fails')
            group by results.subject, results.indicator_id, results.is_critical
            order by results.subject desc, is_below_min_n,
                count(*) filter (where results.outcome = 'fails')::double precision / count(*) desc, n desc, indicator_id
            """,
            {"min_n": self.parameters["min_cell_n"]},
        )

    def versions(self) -> list[Row]:
        """Scores and first contacts by version of the AI agent, in the order in which the versions came."""
        return self.rows(
            f"""
            select interactions.agent_version as version, min(interactions.interaction_date) as first_date,
                max(interactions.interaction_date) as last_date,
                count(scores.total_score)::int as n, {_moments("scores.total_score")},
                count(*) filter (where scores.tier = 'needs_improvement')::int as needs_improvement,
                count(*) filter (where scores.is_critical_failure)::int as critical_failures,
                count(interactions.is_first_contact_resolved_7d)::int as fcr_n,
                count(*) filter (where interactions.is_first_contact_resolved_7d)::int as fcr_count
            from marts.fct_interaction_scores as scores
            inner join marts.fct_interactions as interactions on interactions.interaction_key = scores.interaction_key
            where scores.subject = 'ai_agent' and scores.total_score is not null and interactions.agent_version is not null
            group by interactions.agent_version
            order by first_date, version
            """  # noqa: S608 - columns named here
        )

    def first_response(self) -> list[Row]:
        """Minutes to the first answer by channel and who gave it; channel null is every channel together."""
        return self.rows(
            f"""
            select channel, {_FIRST_ANSWER} as subject, count(first_response_minutes)::int as n,
                percentile_cont(0.5) within group (order by first_response_minutes) as median,
                percentile_cont(0.9) within group (order by first_response_minutes) as p90,
                percentile_cont(0.5) within group (order by first_response_bh_minutes) as median_bh
            from (
                select coalesce(channel, 'unknown') as channel, handled_by, first_response_minutes, first_response_bh_minutes
                from marts.fct_interactions
                where first_response_minutes is not null and handled_by <> 'unhandled'
            ) as answered
            group by grouping sets ((channel, {_FIRST_ANSWER}), ({_FIRST_ANSWER}))
            order by channel nulls first, subject desc
            """  # noqa: S608
        )

    def first_contact(self) -> list[Row]:
        """First contacts solved and observed, and those without a further contact; subject null is everything together."""
        windows = self.parameters["fcr_windows_days"]
        counts = ", ".join(
            f"count(is_first_contact_resolved_{days}d)::int as n_{days}, "
            f"count(*) filter (where is_first_contact_resolved_{days}d)::int as count_{days}"
            for days in map(int, windows)
        )
        rows = self.rows(
            f"""
            select {_FIRST_ANSWER} as subject, {counts} from marts.fct_interactions where handled_by <> 'unhandled'
            group by grouping sets ((), ({_FIRST_ANSWER}))
            """  # noqa: S608
        )
        return [
            {"days": days, "subject": row["subject"], "n": row[f"n_{days}"], "count": row[f"count_{days}"]}
            for days in windows
            for row in sorted(rows, key=lambda row: row["subject"] or "", reverse=True)
        ]

    def backlog(self) -> list[Row]:
        rows = self.rows(
            """
            select backlog_date, open_count, opened_count, solved_count from marts.rpt_backlog_daily
            where slice_type = 'all' order by backlog_date desc limit %s
            """,
            [LONGEST_DAILY_TREND],
        )
        return rows[::-1]

    def gates(self) -> list[Row]:
        """The last result of each claim."""
        return self.rows(
            """
            select distinct on (gate, checked_object, claim) gate, checked_object, claim, severity, is_success, row_count,
                failed_row_count, as_of, checked_at
            from marts.rpt_gate_results
            order by gate, checked_object, claim, as_of desc, checked_at desc, gate_result_id desc
            """
        )

    def quotes(self, figures: Figures) -> dict[tuple[str, str], list[Row]]:
        """Three failing quotes of each side's worst topic and three holding ones of its best, one per interaction."""
        chosen: dict[tuple[str, str], list[Row]] = {}
        for subject in SUBJECTS:
            topics = extreme_topics(figures.segments["topic"], subject)
            for kind, outcome, direction in (("worst", "fails", "asc"), ("best", "holds", "desc")):
                if kind in topics:
                    rows = self.rows(
                        f"""
                        select * from (
                            select distinct on (quotes.interaction_key) quotes.*,
                                row_number() over (
                                    partition by quotes.indicator_id
                                    order by quotes.total_score {direction}, quotes.interaction_key, quotes.evidence_ordinal
                                ) as place_in_indicator
                            from marts_evidence.fct_evidence_quotes as quotes
                            where quotes.topic = %(topic)s and quotes.subject = %(subject)s and quotes.outcome = %(outcome)s
                                and length(trim(quotes.quote)) > 0
                            order by quotes.interaction_key, place_in_indicator, quotes.indicator_id, quotes.evidence_ordinal
                        ) as by_interaction
                        order by place_in_indicator, is_critical desc, total_score {direction}, interaction_key
                        limit 60
                        """,  # noqa: S608
                        {"topic": topics[kind]["value"], "subject": subject, "outcome": outcome},
                    )
                    # the same standard sentence three times would show one thing
                    distinct: dict[str, Row] = {}
                    for row in rows:
                        distinct.setdefault(row["quote"], row)
                    chosen[kind, subject] = list(distinct.values())[:3]
        return chosen


def _moments(column: str) -> str:
    """Mean and sample standard deviation as SQL.

    Summed as decimals, whose sums do not depend on the order in which the rows happen to be read.
    """
    return f"avg({column}::numeric)::float8 as mean, stddev_samp({column}::numeric)::float8 as stddev"


def extreme_topics(topics: list[Row], subject: str) -> dict[str, Row]:
    """The topics of one side with the lowest and the highest mean, as `worst` and `best`.

    Topics below the smallest n count only where no topic reaches it; with one topic alone there is no best one.
    """
    rows = [row for row in topics if row["subject"] == subject]
    rows = [row for row in rows if not row["is_below_min_n"]] or rows
    ordered = sorted(rows, key=lambda row: (row["mean"], row["value"]))
    found = {"worst": ordered[0]} if ordered else {}
    if len(ordered) > 1:
        found["best"] = ordered[-1]
    return found
