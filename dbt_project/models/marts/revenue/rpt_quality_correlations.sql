{{
    config(
        unique_key=['measure_id', 'outcome_id', 'segment_type', 'segment_value', 'lag_months', 'method'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per measure of quality, outcome, segment, lag in months and method: how the two go together
select
    measure_id,
    outcome_id,
    segment_type,
    segment_value,
    method,
    case when is_insufficient then 'insufficient' else 'association' end as evidence_type,
    lag_months,
    n,
    account_count,
    coefficient,
    ci_low,
    ci_high,
    p_value,
    q_value,
    (n < {{ var('min_cell_n') }}) as is_below_min_n,
    last_month,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_derived__quality_correlations') }}
