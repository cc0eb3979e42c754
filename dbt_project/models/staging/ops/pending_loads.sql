{{ config(materialized='table', indexes=[{'columns': ['load_id'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per landed batch that core has not seen: where rows that belong to no interaction are found
select
    load_id,
    source,
    instance
from {{ source('ops', 'loads') }}
where registered_run_id > {{ last_run_of('core') }}
