-- one row per row of the ledger's interaction_changes
select * from {{ source('ops', 'interaction_changes') }}
