{{
    config(
        unique_key=['account_key', 'month_start'],
        scope='affected_account_months',
        scope_columns=['account_key', 'month_start'],
        indexes=[{'columns': ['month_start', 'segment']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per account and month since it began: revenue, retention, adoption and the support that it met
select
    months.account_key,
    months.segment,
    months.tier,
    months.industry,
    months.country,
    months.plan,
    months.lifecycle_stage,
    months.owner_key,
    months.tenure_months,
    months.days_to_renewal,
    months.arr_start,
    months.arr_end,
    months.new_arr,
    months.expansion_arr,
    months.contraction_arr,
    months.churned_arr,
    months.health_score,
    months.active_customer_count,
    months.product_event_count,
    months.active_day_count,
    months.interaction_count,
    months.ai_interaction_count,
    months.issue_count,
    months.repeat_contact_count,
    months.quality_n,
    months.mean_quality,
    months.weighted_quality,
    months.low_quality_count,
    months.polarity_n,
    months.mean_polarity,
    months.effort_n,
    months.mean_effort,
    months.rating_n,
    months.rating_positive_count,
    months.escalation_count,
    months.open_gap_count,
    months.is_complete,
    months.is_retained,
    months.has_expanded,
    months.has_contracted,
    months.has_churned,
    months.has_renewed,
    months.month_start,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('account_months') }} as months
inner join {{ ref('affected_account_months') }} as affected
    on
        months.account_key = affected.account_key
        and months.month_start = affected.month_start
