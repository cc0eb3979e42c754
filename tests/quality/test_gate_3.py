"""Gate 3: marts that add up pass; every seeded corruption is caught by the claim that names it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from evaluation_data import EVALUATION_BLOCKING
from finance_data import FINANCE_BATCHES
from intents_data import INTENT_BLOCKING
from metrics_data import METRIC_BLOCKING
from quality_data import MART_NAMES, SECRET
from revenue_data import REVENUE_BLOCKING

from touchstone.errors import GateError, WarehouseError
from touchstone.quality.gates import run_gate

GATE = "gate_3"
AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
AI = "interaction_key = (select min(interaction_key) from marts_build.fct_ai_episodes)"
ONE = "interaction_key = md5('i7')"
DAY = "interaction_date = '2026-03-09'"
PUBLISHED = (
    "create table marts.{table} as table marts_build.{table};"
    "insert into ops.runs (step, as_of) values ('publish', '2026-03-30');"
    "insert into ops.publications (run_id, as_of, ledger_id, rows_upserted, rows_deleted, tables)"
    " values (1, '2026-03-30', 5, 0, 0, '[]')"
)


def test_clean_marts_pass(database, failing) -> None:
    assert failing() == (set(), set())
    judged = database.execute("select min(row_count) from ops.gates").fetchone()[0]
    assert judged > 0, "a claim that judged nothing would pass whatever the data is"


def test_conventions_hold_for_the_columns_that_follow_them(database, failing) -> None:
    failing()
    judged = database.execute(
        "select claim, array_agg(checked_object order by checked_object) from ops.gates"
        " where claim in ('every rate lies between 0 and 1', 'no n of a measure is negative') group by claim order by claim"
    ).fetchall()
    assert judged == [
        (
            "every rate lies between 0 and 1",
            [
                "marts_build.fct_knowledge_gaps",
                "marts_build.rpt_agent_behaviors_daily",
                "marts_build.rpt_ai_scorecards",
                "marts_build.rpt_answer_consistency_monthly",
                "marts_build.rpt_article_health",
                "marts_build.rpt_bottom_cohort_failures",
                "marts_build.rpt_coverage_daily",
                "marts_build.rpt_factuality_monthly",
                "marts_build.rpt_gap_fixes",
                "marts_build.rpt_intent_model_accuracy",
                "marts_build.rpt_intent_model_novelty",
                "marts_build.rpt_knowledge_gaps_weekly",
                "marts_build.rpt_recovery_rates",
                "marts_build.rpt_response_accuracy_monthly",
                "marts_build.rpt_sentiment_alarms",
                "marts_build.rpt_tool_health_daily",
            ],
        ),
        (
            "no n of a measure is negative",
            [
                "marts_build.rpt_agent_version_comparisons",
                "marts_build.rpt_ai_daily",
                "marts_build.rpt_bottom_cohort_failures",
                "marts_build.rpt_confidence_reliability",
                "marts_build.rpt_confidence_thresholds",
                "marts_build.rpt_gap_fixes",
                "marts_build.rpt_handoffs_weekly",
                "marts_build.rpt_intent_accuracy_monthly",
                "marts_build.rpt_intent_model_accuracy",
                "marts_build.rpt_intent_model_novelty",
                "marts_build.rpt_post_handoff_resolution",
                "marts_build.rpt_response_accuracy_monthly",
                "marts_build.rpt_sentiment_alarms",
                "marts_build.rpt_service_daily",
            ],
        ),
    ]


BLOCKING = [
    (
        "insert into marts_build.fct_outcome_definitions select * from marts_build.fct_outcome_definitions where definition = 'ada'",
        "every definition judges an episode once",
    ),
    (
        f"update marts_build.fct_outcome_definitions set verdict = 'pending' where {AI}",
        "exactly the pending verdicts leave the denominator",
    ),
    (
        f"insert into marts_build.fct_ai_episodes select * from marts_build.fct_ai_episodes where {AI}",
        "every episode of an AI agent is there once",
    ),
    (
        f"update marts_build.fct_ai_episodes set is_contained = false where {AI}",
        "an episode is contained, escalated or pending",
    ),
    (
        f"update marts_build.fct_ai_episodes set effort = 7.5 where {AI}",
        "effort keeps to its scale",
    ),
    (
        f"insert into marts_build.fct_ai_answers select * from marts_build.fct_ai_answers where {AI}",
        "every AI answer is there once",
    ),
    (
        f"update marts_build.fct_ai_answers set is_useful = false where {AI}",
        "what a customer said of an answer wins",
    ),
    (
        f"insert into marts_build.fct_handoffs select * from marts_build.fct_handoffs where {AI}",
        "every handoff of an episode is there once",
    ),
    (
        "update marts_build.fct_knowledge_gap_signals set signalled_at = asked_at - interval '1 minute'",
        "a sign does not precede its question",
    ),
    (
        "update marts_build.fct_knowledge_gap_statuses set until = since - interval '1 day'",
        "a status ends after it began",
    ),
    (
        "update marts_build.fct_knowledge_gaps set owner = ''",
        "every gap has an owner and something to do",
    ),
    (
        "update marts_build.fct_knowledge_gaps set is_open = false",
        "a gap is closed exactly when it is not open",
    ),
    (
        "update marts_build.fct_knowledge_gaps set failed_count = 21",
        "what failed was asked",
    ),
    (
        "update marts_build.fct_knowledge_gaps set impact = -1",
        "no gap costs less than nothing",
    ),
    (
        "update marts_build.rpt_article_health set unhelpful_count = 5",
        "what did not help was asked",
    ),
    (
        "update marts_build.rpt_gap_fixes set ci_high = 0.1",
        "the interval holds the change, and a fix that worked lowers it",
    ),
    (
        "update marts_build.rpt_knowledge_gap_segments set question_count = 11",
        "a segment is a part of the gap",
    ),
    (
        "update marts_build.rpt_knowledge_gaps_weekly set closed_count = 3",
        "what is identified has failed, and what is closed was verified or dismissed",
    ),
    (
        f"update marts_build.fct_handoffs set context_preservation = null where {AI}",
        "context preservation is known where a part of it is",
    ),
    (
        f"update marts_build.fct_handoffs set items_asked_again_count = 3 where {AI}",
        "nobody is asked again for more than was given",
    ),
    (
        f"insert into marts_build.fct_ai_failures select * from marts_build.fct_ai_failures where {AI}",
        "every failure is classed once",
    ),
    (
        f"update marts_build.fct_ai_failures set outcome = 'confirmed' where {AI}",
        "only what was not resolved failed",
    ),
    (
        f"insert into marts_build.fct_ai_patterns select * from marts_build.fct_ai_patterns where {AI}",
        "every pattern of an episode is there once",
    ),
    (
        "update marts_build.rpt_ai_patterns_weekly set pattern_count = 41",
        "no pattern has more episodes than there are",
    ),
    (
        "update marts_build.rpt_ai_scorecards set contained_count = 31",
        "the outcomes of AI agents add up",
    ),
    (
        "update marts_build.rpt_confidence_reliability set calibration_error = 1.2",
        "calibration keeps to its scale",
    ),
    (
        "update marts_build.rpt_confidence_thresholds set judged_n = 31",
        "a threshold splits the answers",
    ),
    (
        "update marts_build.rpt_definition_disagreements set first_only_count = 5",
        "two definitions agree or differ",
    ),
    (
        "update marts_build.rpt_escalation_accuracy set unknown_count = 0",
        "a handoff was needed, avoidable or unknown",
    ),
    (
        "update marts_build.rpt_handoffs_weekly set late_count = 2",
        "the handoffs of a week add up",
    ),
    (
        "update marts_build.rpt_post_handoff_resolution set handoff_n = 41",
        "handoffs are compared with their like only",
    ),
    (
        "update marts_build.rpt_tool_health_daily set ok_count = 8",
        "every call of a tool ended in one way",
    ),
    (
        f"update marts_build.fct_dimension_scores set calibrator_version = 'seen' where {ONE}",
        "only an active model calibrates what readers see",
    ),
    (
        f"update marts_build.fct_dimension_scores set dimension_id = 'empathy' where {ONE}",
        "only an active model calibrates what readers see",
    ),
    (
        f"insert into marts_build.rpt_agent_behaviors_daily select * from marts_build.rpt_agent_behaviors_daily where {DAY}",
        "every behaviour of an agent is there once a day",
    ),
    (
        f"update marts_build.rpt_agent_behaviors_daily set fails_count = 3 where {DAY}",
        "a behaviour that was due was shown or was not",
    ),
    (
        f"update marts_build.rpt_agent_behaviors_daily set ci_high = 0.7 where {DAY}",
        "every share of a behaviour lies within its interval",
    ),
    (
        "insert into marts_build.rpt_agreement_monthly select * from marts_build.rpt_agreement_monthly where figure_id = 'exact'",
        "every figure of agreement is there once",
    ),
    (
        "update marts_build.rpt_agreement_monthly set value = 1.2 where figure_id = 'weighted_kappa'",
        "no coefficient of agreement exceeds 1",
    ),
    (
        "update marts_build.rpt_bottom_cohort_failures set cohort_fails_count = 41",
        "nobody fails a behaviour more often than it was due",
    ),
    ("update marts_build.rpt_recovery_rates set recovered_count = 41", "only what turned negative recovers"),
    (
        "insert into marts_build.rpt_review_queue select * from marts_build.rpt_review_queue limit 1",
        "every task of the review queue is there once",
    ),
    (
        "update marts_build.rpt_review_queue set priority = -1 where task_key = md5('task1')",
        "a task says why it is urgent",
    ),
    (
        f"insert into marts_build.fct_policy_violations select * from marts_build.fct_policy_violations where {ONE}",
        "every violated policy is there once per side",
    ),
    (
        f"update marts_build.fct_policy_violations set indicator_id = 'closing' where {ONE}",
        "a violated policy is a failed indicator",
    ),
    (
        f"insert into marts_build.fct_message_sentiment select * from marts_build.fct_message_sentiment where {ONE}",
        "every customer message is there once",
    ),
    (
        f"update marts_build.fct_message_sentiment set polarity = -1.5 where {ONE}",
        "polarity and dissatisfaction keep to their scales",
    ),
    (
        f"update marts_build.fct_message_sentiment set is_dissatisfied = false where {ONE}",
        "exactly what reaches its threshold counts as dissatisfied",
    ),
    (
        f"insert into marts_build.fct_sentiment_trajectories select * from marts_build.fct_sentiment_trajectories where {ONE}",
        "every scored interaction has one course of sentiment",
    ),
    (
        f"update marts_build.fct_sentiment_trajectories set level_rule = 'none' where {ONE}",
        "every level of attention has its rule",
    ),
    (
        f"insert into marts_build.fct_satisfaction_signals select * from marts_build.fct_satisfaction_signals where {ONE}",
        "every signal of satisfaction is there once",
    ),
    (
        "insert into marts_build.rpt_score_discrepancies select * from marts_build.rpt_score_discrepancies",
        "every month of a scorer and dimension is compared once",
    ),
    ("update marts_build.rpt_sentiment_alarms set found_count = 11", "the judged messages are negative or not"),
    (f"update marts_build.fct_interactions set interaction_key = null where {ONE}", "every interaction has its key"),
    (
        f"insert into marts_build.fct_interactions select * from marts_build.fct_interactions where {ONE}",
        "every interaction is there once",
    ),
    (
        f"update marts_build.fct_interactions set scoring_status = '{SECRET}' where {ONE}",
        "every interaction is scored, excluded or pending",
    ),
    (
        "update marts_build.fct_interactions set excluded_reason = null where not is_eligible",
        "exactly the excluded interactions state a reason",
    ),
    (
        "update marts_build.fct_interactions set human_total_score = 50 where not is_eligible",
        "only scored interactions carry a score",
    ),
    (
        f"update marts_build.fct_interactions set started_at = '2026-04-02', resolved_at = null where {ONE}",
        "no interaction starts after the ledger day",
    ),
    (f"update marts_build.fct_interactions set human_total_score = 130 where {ONE}", "no score leaves 0 to 100"),
    (f"update marts_build.fct_interactions set first_response_minutes = -4 where {ONE}", "no duration is negative"),
    (f"update marts_build.fct_interactions set reopen_count = -1 where {ONE}", "no count is negative"),
    (
        f"delete from marts_build.fct_interactions where {ONE}",
        "the mart holds as many interactions of each day as core",
    ),
    (
        f"update marts_build.rpt_coverage_daily set interaction_count = interaction_count + 1, pending_count = pending_count + 1 where {DAY}",
        "coverage counts every interaction of each day",
    ),
    (
        "delete from marts_build.rpt_exclusions_daily where interaction_date = '2026-03-10'",
        "the reasons of each day add up to its excluded interactions",
    ),
    (
        f"update marts_build.rpt_coverage_daily set scored_count = scored_count - 1 where {DAY}",
        "scored, excluded and pending add up to all",
    ),
    (
        f"insert into marts_build.rpt_coverage_daily select * from marts_build.rpt_coverage_daily where {DAY}",
        "every day is there once",
    ),
    (
        f"update marts_build.rpt_coverage_daily set eligible_count = 0 where {DAY}",
        "no day has more scored interactions than eligible ones",
    ),
    (f"update marts_build.rpt_coverage_daily set coverage_rate = 1.2 where {DAY}", "every rate lies between 0 and 1"),
    (f"update marts_build.rpt_service_daily set fcr_7d_count = 9 where {DAY}", "every numerator fits its denominator"),
    ("update marts_build.rpt_quality_trends set n = -1 where period_start = '2026-03-09'", "no n is negative"),
    (f"update marts_build.rpt_service_daily set fcr_7d_n = -1 where {DAY}", "no n of a measure is negative"),
    (
        "insert into marts_build.rpt_service_daily select * from marts_build.rpt_service_daily limit 1",
        "every cell of the service report is there once",
    ),
    (
        f"update marts_build.rpt_service_daily set interaction_date = '2026-04-02' where {DAY}",
        "no date lies after the ledger day",
    ),
    (
        "update marts_build.rpt_quality_trends set period_start = '2027-01-01' where period_start = '2026-03-09'",
        "no period starts after the ledger day",
    ),
    (
        "insert into marts_build.rpt_quality_trends select * from marts_build.rpt_quality_trends limit 1",
        "every cell of the trend is there once",
    ),
    (
        "update marts_build.rpt_quality_trends set slice_type = 'city' where period_start = '2026-03-09'",
        "every slice is one of the model",
    ),
    (
        "update marts_build.rpt_quality_trends set mean_score = 90 where period_start = '2026-03-09'",
        "every mean lies within its interval",
    ),
    (
        "update marts_build.rpt_quality_trends set excellent_count = 1 where period_start = '2026-03-09'",
        "no tier counts more interactions than were rated",
    ),
    (
        "update marts_build.rpt_quality_trends set is_below_min_n = false where period_start = '2026-03-09'",
        "exactly the small cells are flagged",
    ),
    (
        "insert into marts_build.rpt_agent_scorecards select * from marts_build.rpt_agent_scorecards limit 1",
        "every cell of a scorecard is there once",
    ),
    ("update marts_build.rpt_agent_scorecards set value = 10", "every value lies within its interval"),
    (
        "insert into marts_build.rpt_backlog_daily select * from marts_build.rpt_backlog_daily limit 1",
        "every day of the backlog is there once per slice",
    ),
    (
        f"update marts_build.fct_interaction_scores set subject = 'agent' where {ONE}",
        "the judged side is a person or an AI agent",
    ),
    (
        f"insert into marts_build.fct_interaction_scores select * from marts_build.fct_interaction_scores where {ONE}",
        "every side of an interaction is there once",
    ),
    (
        PUBLISHED.format(table="rpt_agent_scorecards")
        + "; delete from marts_build.rpt_agent_scorecards where agent_key in"
        " (select agent_key from marts_build.rpt_agent_scorecards limit 5)",
        "no table loses a fifth of its published rows without deletions on record",
    ),
    *EVALUATION_BLOCKING,
    *INTENT_BLOCKING,
    *METRIC_BLOCKING,
    *REVENUE_BLOCKING,
]


@pytest.mark.parametrize(
    ("corruption", "claim"), BLOCKING, ids=[f"{claim} ({n})" for n, (_, claim) in enumerate(BLOCKING)]
)
def test_a_seeded_corruption_stops_publication(database, failing, corruption: str, claim: str) -> None:
    database.execute(corruption)
    assert claim in failing()[0]
    assert SECRET not in database.execute("select string_agg(gates::text, ' ') from ops.gates").fetchone()[0]


@pytest.mark.parametrize("batch", FINANCE_BATCHES, ids=lambda batch: f"{len(batch)} tables")
def test_corrupted_figures_of_money_and_metrics_stop_publication(database, failing, batch) -> None:
    for corruption, _ in batch:
        database.execute(corruption)
    assert {claim for _, claim in batch} - failing()[0] == set()
    assert SECRET not in database.execute("select string_agg(gates::text, ' ') from ops.gates").fetchone()[0]


WARNING = [
    (
        f"update marts_build.fct_interactions set resolved_at = started_at - interval '1 day' where {ONE}",
        "nothing is resolved before it starts",
    ),
    (
        f"update marts_build.fct_interactions set scoring_status = 'pending', human_total_score = null, ai_total_score = null"
        f" where {ONE}",
        "no interaction waits for its score",
    ),
    ("update marts_build.rpt_source_health set is_stale = true", "every source is fresh"),
    ("update core.account_history set health_score = null", "every health that a system states has points"),
]


@pytest.mark.parametrize(("oddity", "claim"), WARNING, ids=[claim for _, claim in WARNING])
def test_an_oddity_warns_and_lets_the_data_pass(database, failing, oddity: str, claim: str) -> None:
    database.execute(oddity)
    assert failing() == (set(), {claim})


def test_marts_that_end_long_before_the_ledger_day_warn(database, failing) -> None:
    # the months of accounts are those of a build on that day
    database.execute("update marts_build.fct_account_months set is_complete = true where month_start < '2026-04-01'")
    assert failing(as_of=datetime(2026, 4, 20, tzinfo=UTC)) == (set(), {"the marts reach up to the ledger day"})


def test_a_table_may_shrink_by_the_deletions_on_record(database, failing) -> None:
    database.execute(PUBLISHED.format(table="rpt_agent_scorecards"))
    database.execute(
        "with gone as (delete from marts_build.rpt_agent_scorecards where agent_key in"
        " (select agent_key from marts_build.rpt_agent_scorecards limit 15) returning agent_key)"
        " insert into ops.mart_deletions select 'rpt_agent_scorecards', to_jsonb(gone), 9 from gone"
    )
    assert failing() == (set(), set())


def test_rows_that_are_published_already_are_not_judged_again(database, failing) -> None:
    database.execute(f"update marts_build.fct_interactions set first_response_minutes = -4 where {ONE}")
    database.execute(PUBLISHED.format(table="rpt_coverage_daily").replace(", 5, 0,", ", 7, 0,"))
    assert failing() == (set(), set())


@pytest.mark.parametrize("name", MART_NAMES)
def test_a_missing_mart_is_named(database, prepared, name: str) -> None:
    database.execute(f"alter table marts_build.{name} rename to gone")
    try:
        with pytest.raises(WarehouseError, match=rf"'marts_build\.{name}'"):
            run_gate(GATE, AS_OF, prepared)
    finally:
        database.execute(f"alter table marts_build.gone rename to {name}")


def test_keys_of_slices_do_not_repeat_the_words_of_the_source(database, prepared) -> None:
    database.execute("update marts_build.rpt_quality_trends set slice_value = %s, mean_score = 99", [SECRET])
    with pytest.raises(GateError) as caught:
        run_gate(GATE, AS_OF, prepared)
    assert SECRET not in str(caught.value)
    assert "day|2026-03-01|topic|" in str(caught.value)
