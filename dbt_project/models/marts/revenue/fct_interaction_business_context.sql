{{
    config(
        unique_key='interaction_key',
        scope='affected_business_contexts',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['account_key', 'interaction_date']}, {'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per interaction of a known account: its account's revenue and renewal at that time, its weight, and whether revenue is at risk
select
    contexts.interaction_key,
    contexts.account_key,
    contexts.tier,
    contexts.lifecycle_stage,
    contexts.days_to_renewal,
    contexts.arr,
    contexts.quality,
    contexts.business_weight,
    contexts.arr_at_risk,
    contexts.is_renewal_near,
    contexts.has_recent_expansion,
    contexts.is_top_tier,
    contexts.is_low_quality,
    contexts.has_bad_ending,
    contexts.is_revenue_at_risk,
    contexts.interaction_date,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('interaction_business_context') }} as contexts
inner join {{ ref('affected_business_contexts') }} as affected on contexts.interaction_key = affected.interaction_key
