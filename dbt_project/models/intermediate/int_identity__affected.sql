{{
    config(
        materialized='table',
        indexes=[{'columns': ['entity_type', 'entity_key'], 'unique': true}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per customer or account whose identity this run works out again: its record changed, it shares a value with one whose
-- record changed, or it has been connected with one of those
{%- set known = built_before('staging', 'int_identity__evidence', {
    'entity_type': 'text', 'record_key': 'text', 'entity_key': 'text', 'rule': 'text', 'value_hash': 'text', 'cluster_key': 'text',
    'account_key': 'text', 'source': 'text', 'instance': 'text'
}) %}
with

stated as (

    select * from {{ ref('int_identity__stated') }}

),

changed_records as (

    select
        entity_type,
        {{ entity_key('record_id') }} as record_key
    from {{ ref('int_records__changed') }}
    where entity_type in ('customer', 'account')

    union

    select
        'customer' as entity_type,
        interaction_key as record_key
    from {{ ref('landed_interactions') }}
    where {{ is_of_source_with('named_customers') }}

    union

    select
        entity_type,
        record_key
    from stated

),

claims as (

    select
        entity_type,
        entity_key,
        rule,
        value_hash
    from stated

    union

    select
        known.entity_type,
        known.entity_key,
        known.rule,
        known.value_hash
    from changed_records
    inner join {{ known }} as known
        on
            changed_records.entity_type = known.entity_type
            and changed_records.record_key = known.record_key

),

sharing as (

    select
        entity_type,
        entity_key
    from claims

    union

    select
        known.entity_type,
        known.entity_key
    from claims
    inner join {{ known }} as known
        on
            claims.entity_type = known.entity_type
            and claims.rule = known.rule
            and claims.value_hash = known.value_hash

),

clusters as (

    select distinct
        known.entity_type,
        known.cluster_key
    from sharing
    inner join {{ known }} as known
        on
            sharing.entity_type = known.entity_type
            and sharing.entity_key = known.entity_key

),

final as (

    select
        entity_type,
        entity_key
    from sharing

    union

    select
        known.entity_type,
        known.entity_key
    from clusters
    inner join {{ known }} as known
        on
            clusters.entity_type = known.entity_type
            and clusters.cluster_key = known.cluster_key

)

select * from final
