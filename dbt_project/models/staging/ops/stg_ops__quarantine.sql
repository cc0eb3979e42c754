-- one row per row of the ledger's quarantine
select * from {{ source('ops', 'quarantine') }}
