{{
    config(
        unique_key=['outcome_id', 'segment_type', 'segment_value', 'model_id'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per outcome, segment and model: the odds ratio of quality, alone and beside what else is known of the account
select
    outcome_id,
    segment_type,
    segment_value,
    model_id,
    case when is_insufficient then 'insufficient' else 'association' end as evidence_type,
    n,
    account_count,
    event_count,
    odds_ratio,
    ci_low,
    ci_high,
    p_value,
    q_value,
    auroc,
    calibration_error,
    (n < {{ var('min_cell_n') }}) as is_below_min_n,
    last_month,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_derived__adjusted_effects') }}
