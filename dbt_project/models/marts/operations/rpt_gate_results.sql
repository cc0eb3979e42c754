{{ config(unique_key='gate_result_id', indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per expectation and gate run of the last 90 ledger days; counts, never values
select
    gate_result_id,
    gate,
    checked_object,
    expectation,
    claim,
    severity,
    failed_row_count,
    row_count,
    is_success,
    as_of,
    checked_at,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_ops__gates') }}
where as_of > {{ as_of() }} - interval '90 days'
