{{ config(unique_key=['session_id', 'dimension_id'], is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per inter-rater session and dimension: whether people read the criterion alike
select
    session_id,
    dimension_id,
    rater_count,
    n,
    exact_rate,
    spread,
    kappa,
    kappa_ci_low,
    kappa_ci_high,
    alpha,
    alpha_ci_low,
    alpha_ci_high,
    is_ambiguous,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_derived__dimension_ambiguity') }}
