{{ config(unique_key=['gap_id', 'status_number'], is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per knowledge gap and status that it had, in order; the last one lasts
select
    gap_id,
    status,
    reason as status_reason,
    decided_by,
    status_number,
    since,
    until,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_derived__gap_statuses') }}
