{{ config(materialized='table', indexes=[{'columns': ['entity_type', 'rule', 'value_hash']}], post_hook='analyze {{ this }}') }}
-- one row per claim of the customers and accounts whose identity this run works out, as all records state it now; with how many
-- others, who are not worked on, share the value
{%- set known = built_before('staging', 'int_identity__evidence', {
    'entity_type': 'text', 'record_key': 'text', 'entity_key': 'text', 'rule': 'text', 'value_hash': 'text', 'cluster_key': 'text',
    'account_key': 'text', 'source': 'text', 'instance': 'text'
}) %}
with

stated as (

    select * from {{ ref('int_identity__stated') }}

),

affected as (

    select * from {{ ref('int_identity__affected') }}

),

claims as (

    select
        entity_type,
        record_key,
        entity_key,
        rule,
        value_hash,
        account_key,
        source,
        instance
    from stated

    union all

    select
        known.entity_type,
        known.record_key,
        known.entity_key,
        known.rule,
        known.value_hash,
        known.account_key,
        known.source,
        known.instance
    from affected
    inner join {{ known }} as known
        on
            affected.entity_type = known.entity_type
            and affected.entity_key = known.entity_key
    where
        -- records that changed are stated anew; what events have said stays
        not exists (
            select 1 from stated
            where
                stated.entity_type = known.entity_type
                and stated.record_key = known.record_key
        )
        and not exists (
            select 1 from {{ ref('int_records__changed') }} as changed
            where
                changed.entity_type = known.entity_type
                and known.record_key = {{ entity_key('changed.record_id', 'changed.source', 'changed.instance') }}
        )
        and not exists (
            select 1 from {{ ref('landed_interactions') }} as landed
            where
                {{ is_of_source_with('named_customers', 'landed.source') }}
                and known.entity_type = 'customer'
                and known.record_key = landed.interaction_key
        )

),

claimed as (

    select distinct
        entity_type,
        rule,
        value_hash
    from claims
    where rule <> 'self'

),

shared_outside as (

    select
        claimed.entity_type,
        claimed.rule,
        claimed.value_hash,
        count(distinct known.entity_key) as holder_count,
        min(known.entity_key) as hub_key
    from claimed
    inner join {{ known }} as known
        on
            claimed.entity_type = known.entity_type
            and claimed.rule = known.rule
            and claimed.value_hash = known.value_hash
    left join affected
        on
            known.entity_type = affected.entity_type
            and known.entity_key = affected.entity_key
    where affected.entity_key is null
    group by claimed.entity_type, claimed.rule, claimed.value_hash

),

final as (

    select
        claims.*,
        coalesce(shared_outside.holder_count, 0) as outside_holder_count,
        shared_outside.hub_key as outside_hub_key
    from claims
    left join shared_outside
        on
            claims.entity_type = shared_outside.entity_type
            and claims.rule = shared_outside.rule
            and claims.value_hash = shared_outside.value_hash

)

select * from final
