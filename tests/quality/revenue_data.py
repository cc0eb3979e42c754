"""Clean marts of revenue for gate 3, and corruptions of them with the claim that each has to break."""

from __future__ import annotations

_ROWS = {
    "fct_account_months": """
        md5('acc') as account_key, date '2026-03-01' as month_start, 1000.0 as arr_start, 1200.0 as arr_end, 0.0 as new_arr,
        500.0 as expansion_arr, 300.0 as contraction_arr, 0.0 as churned_arr, 5 as interaction_count, 4 as quality_n,
        2 as low_quality_count, 3 as rating_n, 1 as rating_positive_count, 1 as ai_interaction_count, 9 as product_event_count,
        3 as active_day_count, 2 as active_customer_count, true as is_retained, false as has_churned, 9000000000 as _ledger_id
    """,
    "fct_interaction_business_context": """
        md5('i7') as interaction_key, md5('acc') as account_key, 1.5 as business_weight, 30 as days_to_renewal,
        true as is_renewal_near, false as has_recent_expansion, true as is_low_quality, false as has_bad_ending,
        true as is_revenue_at_risk, 9000000000 as _ledger_id
    """,
}

REVENUE_MARTS = tuple(f"create table marts_build.{name} as select {columns}" for name, columns in _ROWS.items())

_SET = {
    "fct_account_months": {
        "arr_end = 1300": "revenue at the end of a month is that at its beginning and what it did in between",
        "low_quality_count = 5": "no part of an account's month is larger than its whole",
        "is_retained = false": "an account that left was not retained, and one that was not retained left",
    },
    "fct_interaction_business_context": {
        "business_weight = 0.5": "an interaction weighs at least 1",
        "is_low_quality = false": "revenue is at risk where something speaks for it",
    },
}

REVENUE_BLOCKING = [
    *(
        (f"update marts_build.{name} set {corruption}", claim)
        for name, corruptions in _SET.items()
        for corruption, claim in corruptions.items()
    ),
    (
        "insert into marts_build.fct_account_months select * from marts_build.fct_account_months",
        "every month of an account is there once",
    ),
]
