"""Clean marts of the metric system for gate 3, and corruptions of them with the claim that each has to break."""

from __future__ import annotations

_ROWS = {
    "fct_issues": """
        md5('i') as issue_key, 'ai_only' as handled_by, 1 as contact_count, 1 as interaction_count, true as is_observed,
        false as has_repeat_contact, true as is_self_service_success, date '2026-03-09' as interaction_date
    """,
    "fct_metric_values": """
        'compliance' as metric_id, 'month' as period_type, date '2026-03-01' as period_start, 'all' as slice_type,
        'all' as slice_value, 30.0 as numerator, 40.0 as denominator, 40 as n, 0.75 as value, 0.6 as ci_low, 0.86 as ci_high
    """,
    "rpt_metric_targets": """
        'compliance' as metric_id, date '2026-03-01' as month_start, 'all' as slice_type, 'all' as slice_value,
        'attained' as verdict, 1 as direction, 0.7 as target_value, 0.75 as value, 40 as n
    """,
    "rpt_quality_control_limits": """
        date '2026-03-09' as interaction_date, 'team' as slice_type, 'billing' as slice_value, 'human_agent' as subject,
        'total' as measure_id, 'decline' as verdict, 60.0 as moving_value, 70.0 as limit_low, 90.0 as limit_high,
        true as is_out_of_limits, 'Read the lowest scores' as recommended_action, 'support' as owner, 20 as n,
        date '2026-03-08' as first_out_date
    """,
}
METRIC_MARTS = tuple(
    f"create table marts_build.{name} as select {row}, 1::bigint as _ledger_id" for name, row in _ROWS.items()
)
_SET = {
    "fct_issues": {
        "handled_by = 'human_only'": "self-service is that of AI agents alone, and a repeat contact a second one",
        "contact_count = 2": "self-service is that of AI agents alone, and a repeat contact a second one",
    },
    "fct_metric_values": {
        "numerator = 31": "a metric is its numerator over its denominator",
        "ci_low = 0.8": "a metric lies in its interval",
    },
    "rpt_metric_targets": {"target_value = 0.8": "a target is attained where the metric reached it"},
    "rpt_quality_control_limits": {
        "owner = ''": "every control limit has an action and an owner",
        "moving_value = 75": "scores are outside their limits where the verdict says so",
        "verdict = 'within'": "scores are outside their limits where the verdict says so",
        "first_out_date = null": "scores are outside their limits where the verdict says so",
    },
}

METRIC_BLOCKING = [
    ("insert into marts_build.fct_issues select * from marts_build.fct_issues", "an issue is there once"),
    *(
        (f"update marts_build.{name} set {corruption}", claim)
        for name, corruptions in _SET.items()
        for corruption, claim in corruptions.items()
    ),
]
