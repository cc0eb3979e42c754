{{ config(unique_key=['reviewer', 'dimension_id'], is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per reviewer and dimension: agreement with the others, leniency, consistency with themself, drift
select
    reviewer,
    dimension_id,
    n,
    shared_n,
    repeated_n,
    agreement,
    leniency,
    leniency_ci_low,
    leniency_ci_high,
    self_consistency,
    drift,
    drift_ci_low,
    drift_ci_high,
    weight,
    (shared_n < {{ var('min_cell_n') }}) as is_below_min_n,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_derived__evaluator_bias') }}
