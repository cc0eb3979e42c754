"""Clean marts of revenue for gate 3, and corruptions of them with the claim that each has to break."""

from __future__ import annotations

_SCOPE = "'segment' as segment_type, 'smb' as segment_value"
_SURE = (
    "'association' as evidence_type, 60 as n, -0.3::float8 as ci_low, -0.1::float8 as ci_high, 0.01::float8 as p_value,"
    " 0.02::float8 as q_value, date '2026-02-01' as last_month, 9000000000 as _ledger_id"
)
_ROWS = {
    "fct_account_months": """
        md5('acc') as account_key, date '2026-03-01' as month_start, 1 as tenure_months, false as is_complete, 1000.0 as arr_start, 1200.0 as arr_end, 0.0 as new_arr,
        500.0 as expansion_arr, 300.0 as contraction_arr, 0.0 as churned_arr, 5 as interaction_count, 4 as quality_n,
        2 as low_quality_count, 3 as rating_n, 1 as rating_positive_count, 1 as ai_interaction_count, 9 as product_event_count,
        3 as active_day_count, 2 as active_customer_count, true as is_retained, false as has_churned, 9000000000 as _ledger_id
    """,
    "fct_interaction_business_context": """
        md5('i7') as interaction_key, md5('acc') as account_key, 1.5 as business_weight, 30 as days_to_renewal,
        true as is_renewal_near, false as has_recent_expansion, true as is_low_quality, false as has_bad_ending,
        true as is_revenue_at_risk, 900.0 as arr, 900.0 as arr_at_risk, 9000000000 as _ledger_id
    """,
    "rpt_executive_monthly": """
        'csat' as measure, date '2026-02-01' as month_start, 'all' as slice_type, 'all' as slice_value, 0.5::float8 as value,
        null::text as note, 0.4::float8 as ci_low, 0.6::float8 as ci_high, 0.1::float8 as change, 'up' as direction, true as is_better,
        true as is_settled, false as is_below_min_n
    """,
    "rpt_quality_correlations": f"""
        'mean_quality' as measure_id, 'churn' as outcome_id, {_SCOPE}, 2 as lag_months, 'spearman' as method, -0.2::float8 as coefficient, {_SURE}
    """,
    "rpt_quality_threshold_effects": f"""
        {_SCOPE}, 'lag_2' as window_id, 'below_cut' as band_id, 0.2::float8 as churn_rate, 3.0::float8 as risk_ratio,
        2.0::float8 as risk_ratio_ci_low, 5.0::float8 as risk_ratio_ci_high, {_SURE.replace("-0.3", "0.1").replace("-0.1::", "0.3::")}
    """,
    "rpt_onboarding_cohorts": f"""
        {_SCOPE}, 'high' as third, 0.2::float8 as expansion_rate, 0.05::float8 as difference, -0.1::float8 as difference_ci_low,
        0.2::float8 as difference_ci_high, {_SURE.replace("-0.3", "0.1").replace("-0.1::", "0.3::")}
    """,
    "rpt_adjusted_effects": f"""
        'churn' as outcome_id, {_SCOPE}, 'adjusted' as model_id, 0.2::float8 as odds_ratio, {_SURE.replace("-0.3", "0.1").replace("-0.1::", "0.3::")}
    """,
    "rpt_leading_indicators": f"""
        'churn' as outcome_id, {_SCOPE}, 9 as lead_weeks, 8 as lead_weeks_ci_low, 10 as lead_weeks_ci_high, 0.2::float8 as gain,
        {_SURE.replace("-0.3", "0.1").replace("-0.1::", "0.3::")}
    """,
    "rpt_criterion_effects": f"""
        'human_agent' as subject, 'greets' as indicator_id, 'csat' as kpi_id, 40 as failed_n, 50 as held_n, -0.2::float8 as difference,
        {_SURE.replace("60 as n, ", "")}
    """,
    "rpt_segment_quality_weekly": """
        'smb' as segment, date '2026-03-16' as week_start, 'decline' as verdict, 3 as low_weeks, 50 as n, 150 as run_n,
        70.0::float8 as mean_quality, 76.0::float8 as limit_low, 70.0::float8 as run_value, 68.0::float8 as ci_low, 72.0::float8 as ci_high,
        5 as stake_account_count, 'Talk to them' as recommended_action, 9000000000 as _ledger_id
    """,
}

# The month before, in which the account began.
_BEFORE = """
    insert into marts_build.fct_account_months
    select account_key, date '2026-02-01', 0, true, 0.0, 1000.0, 1000.0, 0.0, 0.0, 0.0, interaction_count, quality_n, low_quality_count,
        rating_n, rating_positive_count, ai_interaction_count, product_event_count, active_day_count, active_customer_count, null::boolean,
        false, _ledger_id
    from marts_build.fct_account_months
    """
REVENUE_MARTS = (
    *(f"create table marts_build.{name} as select {columns}" for name, columns in _ROWS.items()),
    _BEFORE,
    "create table core.account_history as select md5('acc') as account_key, 'At risk' as stated_health, 20.0 as health_score, true as is_current",
)

_HOLDS = "an interval of revenue holds its estimate, and an association has both"
_SCALE = "no estimate of revenue lies outside its scale"
_Q = "a q of revenue is not below its p, and what is insufficient has none"
_DECLINE = "a segment is in decline where its quality was below its limit in the weeks before as well, and somebody is told what to do"
_SET = {
    "fct_account_months": {
        "arr_end = 1300": "revenue at the end of a month is that at its beginning and what it did in between",
        "low_quality_count = 5": "no part of an account's month is larger than its whole",
        "is_retained = false": "an account that left was not retained, and one that was not retained left",
        "tenure_months = 5 where month_start = '2026-02-01'": "an account has a month after the other since it began",
        "new_arr = 900, arr_end = 900 where month_start = '2026-02-01'": (
            "revenue at the beginning of a month is that at the end of the one before"
        ),
        "is_complete = true": "no month lies beyond the ledger day, and none that is not over counts as complete",
        "month_start = '2026-04-01' where month_start = '2026-03-01'": (
            "no month lies beyond the ledger day, and none that is not over counts as complete"
        ),
    },
    "fct_interaction_business_context": {
        "business_weight = 0.5": "an interaction weighs at least 1",
        "is_low_quality = false": "revenue is at risk where something speaks for it",
        "arr_at_risk = 100": "revenue at risk is that of the account where revenue is at risk",
    },
    "rpt_executive_monthly": {
        "note = 'few'": "a figure for executives has a value, or says why it has none",
        "is_settled = false": "nothing is called better or worse before its month is settled, or on too few cases",
        "ci_low = 0.55": "a share of the executive page lies in its interval",
    },
    "rpt_quality_correlations": {
        "coefficient = -0.4": _HOLDS,
        "ci_low = null": _HOLDS,
        "coefficient = -1.2, ci_low = -1.3": _SCALE,
        "q_value = 0.005": _Q,
        "evidence_type = 'insufficient'": _Q,
        "last_month = '2026-03-01'": "no statistic of revenue counts a month that is not over",
    },
    "rpt_quality_threshold_effects": {"churn_rate = 1.1, ci_high = 1.2": _SCALE, "risk_ratio = 9": _HOLDS},
    "rpt_onboarding_cohorts": {"difference_ci_high = 0.01": _HOLDS, "p_value = null": _Q},
    "rpt_adjusted_effects": {"odds_ratio = 2": _HOLDS, "q_value = 1.5": _Q},
    "rpt_leading_indicators": {"lead_weeks = 3": _HOLDS, "gain = 1.5, ci_high = 2": _SCALE},
    "rpt_criterion_effects": {"difference = 0": _HOLDS},
    "rpt_segment_quality_weekly": {
        "mean_quality = 80": _DECLINE,
        "low_weeks = 1": _DECLINE,
        "recommended_action = null": _DECLINE,
        "week_start = '2026-03-30'": _DECLINE,
        "run_value = 60": "the interval of a segment's quality holds it",
    },
}

REVENUE_BLOCKING = [
    *(
        (f"update marts_build.{name} set {corruption}", claim)
        for name, corruptions in _SET.items()
        for corruption, claim in corruptions.items()
    ),
    (
        "insert into marts_build.rpt_criterion_effects select * from marts_build.rpt_criterion_effects",
        "every statistic of revenue is there once",
    ),
    (
        "insert into marts_build.fct_account_months select * from marts_build.fct_account_months",
        "every month of an account is there once",
    ),
]
