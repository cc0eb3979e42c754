{{
    config(
        unique_key=['segment_type', 'segment_value', 'third'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per segment and third of accounts by the quality of their first 90 days: how many expanded in the 180 days after
select
    segment_type,
    segment_value,
    third,
    case when is_insufficient then 'insufficient' else 'association' end as evidence_type,
    quality_low,
    quality_high,
    n,
    expanded_count,
    expansion_rate,
    ci_low,
    ci_high,
    difference,
    difference_ci_low,
    difference_ci_high,
    p_value,
    q_value,
    (n < {{ var('min_cell_n') }}) as is_below_min_n,
    last_month,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_derived__onboarding_cohorts') }}
