{{ config(materialized='view') }}
-- one row per pair of records that share a value: joined, or in conflict and left apart; a view, since the evidence is kept by key
select
    entity_type,
    left_key,
    entity_key as right_key,
    case when match_status = 'matched' then canonical_key end as canonical_key,
    rule,
    value_hash,
    match_status,
    min(reason) as reason
from {{ ref('int_identity__evidence') }}
where match_status in ('matched', 'conflict')
group by entity_type, left_key, entity_key, canonical_key, rule, value_hash, match_status
