-- one row per row of the ledger's watermarks
select * from {{ source('ops', 'watermarks') }}
