-- one row per row of the ledger's gates
select * from {{ source('ops', 'gates') }}
