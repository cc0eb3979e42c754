-- one row per row of the ledger's runs
select * from {{ source('ops', 'runs') }}
