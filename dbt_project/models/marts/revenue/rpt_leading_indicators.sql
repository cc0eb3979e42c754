{{
    config(
        unique_key=['outcome_id', 'segment_type', 'segment_value'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per outcome and segment: by how many weeks quality moves first, judged by forecasts of weeks that no choice has seen
select
    outcome_id,
    segment_type,
    segment_value,
    case when is_insufficient then 'insufficient' else 'association' end as evidence_type,
    n,
    unit_count,
    lead_weeks,
    lead_weeks_ci_low,
    lead_weeks_ci_high,
    gain,
    ci_low,
    ci_high,
    p_value,
    q_value,
    is_lower_quality_first,
    (n < {{ var('min_cell_n') }}) as is_below_min_n,
    last_month,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_derived__leading_indicators') }}
