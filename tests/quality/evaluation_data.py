"""Clean marts of evaluation for gate 3, and corruptions of them with the claim that each has to break."""

from __future__ import annotations

_ROWS = {
    "rpt_ai_daily": """
        date '2026-03-09' as interaction_date, 'g' as agent_key, '2' as agent_version, 'all' as slice_type, 'all' as slice_value,
        42 as episode_count, 40 as n, 20 as resolved_count, 30 as contained_count, 10 as escalated_count,
        5 as clarification_count, 20 as after_answer_count, 8 as tool_call_count, 1 as failed_tool_call_count,
        6 as explicitly_judged_n, 2 as negative_feedback_count, 4 as rated_n, 3 as rated_positive_count
    """,
    "rpt_agent_version_comparisons": """
        'g' as agent_key, '2' as agent_version, 'resolution' as metric, 'all' as slice_type, 'all' as slice_value,
        40 as n, 100 as previous_n, -0.3 as difference, -0.4 as ci_low, -0.2 as ci_high, -0.5 as adjusted_ci_low,
        -0.1 as adjusted_ci_high, true as is_alarm, date '2026-03-02' as version_started_date, date '2026-03-08' as look_date,
        date '2026-03-04' as alarm_date
    """,
    "rpt_agent_version_decisions": """
        'g' as agent_key, '2' as agent_version, 'roll_back' as decision, 1 as alarm_count, 'Take it back' as recommended_action,
        'engineering' as owner, date '2026-03-04' as alarm_date
    """,
    "rpt_drift_signals_daily": """
        date '2026-03-09' as interaction_date, 'escalation' as signal, 'all' as slice_type, 'all' as slice_value, 20 as n,
        0.5 as moving_value, 0.0 as limit_low, 0.4 as limit_high, true as is_worse, false as is_better,
        'Read the handoffs' as recommended_action, 'support' as owner, date '2026-03-02' as baseline_until_date,
        date '2026-03-08' as first_out_date
    """,
    "rpt_score_distributions_daily": """
        date '2026-03-09' as interaction_date, 'ai_agent' as subject, 8 as bin_number, 12 as n
    """,
    "fct_changes": "md5('c') as change_key, true as is_logged, false as is_seen, date '2026-03-09' as change_date",
    "rpt_change_effects": """
        md5('c') as change_key, 'resolution' as metric, 'better' as verdict, 1 as direction, 40 as n, 0.1 as ci_low, 0.3 as ci_high
    """,
    "fct_improvement_actions": """
        md5('a') as action_key, 'write it' as recommended_action, 'ann' as owner, 'content' as fix_type,
        null::text as workflow_fix_category, 'deployed' as status, 'worked' as verdict, 40 as n
    """,
    "fct_evaluation_samples": """
        date '2026-03-09' as period_start, md5('i7') as interaction_key, 1 as episode_number, 'failure' as stratum,
        'escalated' as outcome, 1 as draw_number, 3 as stratum_count
    """,
    "fct_factuality_checks": "md5('k') as check_key, 'supported' as verdict",
    "rpt_factuality_monthly": """
        date '2026-03-01' as period_start, 'all' as slice_type, 'all' as slice_value, 8 as n, 6 as supported_count,
        1 as contradicted_count, 0.875 as supported_rate, 0.7 as ci_low, 1.0 as ci_high, 1.0 as covered_share
    """,
    "rpt_answer_consistency_monthly": """
        date '2026-03-01' as period_start, 'all' as slice_type, 'all' as slice_value, 8 as n, 6 as consistent_count,
        0.75 as consistency_rate, 0.4 as ci_low, 0.9 as ci_high
    """,
    "fct_contradicting_answers": """
        md5('m') as message_key, md5('o') as other_message_key, md5('i1') as interaction_key, md5('i2') as other_interaction_key,
        array['duration'] as claim_kinds, 0.7 as similarity
    """,
    "rpt_response_accuracy_monthly": """
        date '2026-03-01' as period_start, 'all' as topic, 10 as n, 8 as correct_count, 6 as reviewed_n, 4 as checked_n,
        0.8 as correct_rate, -0.1 as slope_ci_high, true as is_flat_or_declining
    """,
    "rpt_training_data_quality_monthly": """
        date '2026-03-01' as period_start, 10 as n, 6 as suitable_count, 2 as duplicate_count, 1 as conflicting_count,
        1 as unredacted_count, 12 as label_count, 2 as corrected_count, 0.8 as diversity
    """,
    "rpt_feedback_loop_velocity": """
        date '2026-03-01' as period_start, 'all' as fix_type, 3 as n, 2 as deployed_count, 1 as open_count,
        1.0 as triage_days_median, 2.0 as fix_days_median, 1.0 as deployment_days_median, 4.0 as loop_days_median
    """,
    "rpt_regression_suites": """
        's' as suite, '2' as agent_version, 'ok' as metric, 'all' as case_type, 10 as n, 8 as passed_count, 9 as compared_count,
        1 as regressed_count, 1 as repaired_count, true as is_regressed
    """,
    "rpt_intent_accuracy_monthly": """
        date '2026-03-01' as period_start, 'label' as true_source, 'refund' as true_intent, 'refund' as predicted_intent,
        8 as pair_count, 10 as n, 18 as month_correct_count, 20 as month_n, true as is_correct
    """,
    "rpt_insights": """
        md5('x') as insight_key, 'Read it' as recommended_action, 'content' as owner_team, 'content' as owner, 20 as n
    """,
}

EVALUATION_MARTS = tuple(f"create table marts_build.{name} as select {columns}" for name, columns in _ROWS.items())

_SET = {
    "rpt_ai_daily": {
        "contained_count = 31": "what was resolved was contained, and what was contained or escalated was not pending",
        "clarification_count = 21": "no part is larger than its whole on a day of an AI agent",
    },
    "rpt_agent_version_comparisons": {
        "difference = -0.1": "a difference between versions lies in its interval",
        "adjusted_ci_high = -0.3": "the interval for all comparisons is wider than that for one",
        "alarm_date = '2026-03-09'": "a version has an alarm where it was surely worse, on a day that is one of its own",
    },
    "rpt_agent_version_decisions": {
        "decision = 'hold'": "a version is rolled back where it has an alarm, and only there",
        "owner = ''": "every version that followed another one has an action and an owner",
    },
    "rpt_drift_signals_daily": {
        "recommended_action = null": "every early sign has an action and an owner",
        "moving_value = 0.3": "a sign is outside its limits where it says so",
        "first_out_date = '2026-03-01'": "the first day outside the limits is after the baseline and not after the day",
    },
    "rpt_score_distributions_daily": {"bin_number = 10": "a score falls into a tenth of the scale"},
    "fct_changes": {"is_logged = false": "a change is noted or seen"},
    "rpt_change_effects": {"ci_low = -0.1": "a change has a verdict by its interval"},
    "fct_improvement_actions": {
        "owner = null": "every improvement action has an action and an owner",
        "status = 'open'": "what was not done has not worked",
        "workflow_fix_category = 'routing'": "only a fix of a workflow has a category of workflow fixes",
    },
    "fct_evaluation_samples": {
        "draw_number = 4": "no more is drawn than there is, and every draw has its place",
        "outcome = 'confirmed'": "a stratum holds what its name says",
    },
    "fct_factuality_checks": {"verdict = null": "every check has a verdict"},
    "rpt_factuality_monthly": {"ci_low = 0.9": "factuality lies in its interval, and its parts in the whole"},
    "rpt_answer_consistency_monthly": {
        "ci_low = 0.8": "consistency lies in its interval, and what is consistent was compared"
    },
    "fct_contradicting_answers": {
        "claim_kinds = '{}'": "answers that contradict each other are to similar questions of two conversations"
    },
    "rpt_response_accuracy_monthly": {
        "checked_n = 5": "a judgement of accuracy is a review or a check",
        "slope_ci_high = 0.1": "accuracy is flat or declining where the upper limit of its slope is at most 0",
    },
    "rpt_training_data_quality_monthly": {
        "suitable_count = 9": "what is fit to learn from has no fault",
        "diversity = 1.1": "diversity lies between 0 and 1",
    },
    "rpt_feedback_loop_velocity": {
        "open_count = 2": "a report is deployed or waits",
        "fix_days_median = -1": "no stage of the loop takes less than no time",
    },
    "rpt_regression_suites": {"regressed_count = 9": "what regressed or was repaired had run before"},
    "rpt_intent_accuracy_monthly": {
        "is_correct = false": "a pair of intents is part of its intent, and the intent of its month"
    },
    "rpt_insights": {"owner_team = ''": "every insight has an action, a team and an owner"},
}

EVALUATION_BLOCKING = [
    (f"update marts_build.{name} set {corruption}", claim)
    for name, corruptions in _SET.items()
    for corruption, claim in corruptions.items()
]
