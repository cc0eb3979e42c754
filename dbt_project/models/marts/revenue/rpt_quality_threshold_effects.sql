{{
    config(
        unique_key=['segment_type', 'segment_value', 'window_id', 'band_id'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per segment, window and band of quality: how many accounts leave after it
select
    segment_type,
    segment_value,
    window_id,
    band_id,
    case when is_insufficient then 'insufficient' else 'association' end as evidence_type,
    quality_low,
    quality_high,
    n,
    churned_count,
    churn_rate,
    ci_low,
    ci_high,
    cut,
    log_rank,
    p_value,
    q_value,
    risk_ratio,
    risk_ratio_ci_low,
    risk_ratio_ci_high,
    (n < {{ var('min_cell_n') }}) as is_below_min_n,
    last_month,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_derived__quality_threshold_effects') }}
