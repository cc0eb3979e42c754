-- one row per row of the ledger's loads
select * from {{ source('ops', 'loads') }}
