{{
    config(
        unique_key='customer_key',
        scope='int_entities__affected',
        scope_columns=['customer_key'],
        indexes=[{'columns': ['person_key']}, {'columns': ['account_key']}, {'columns': ['organization_key']}]
    )
}}
-- one row per customer that a source knows: an end user, a contact, a user of the product, or whoever a conversation names; no name
-- and no address, only what marts may know. Records that are the same person share person_key.
with

affected as (

    select customer_key
    from {{ ref('int_entities__affected') }}
    where customer_key is not null

),

people as (

    {{ people_of('affected') }}

),

records as (

    select
        affected.customer_key,
        known.source,
        known.instance,
        known.record_id as customer_id,
        {{ entity_key(json_text('known.facts', 'organization_id'), 'known.source', 'known.instance') }} as account_key
    from affected
    inner join {{ ref('int_records__timeline') }} as known on affected.customer_key = known.record_key
    where {{ json_text('known.facts', 'actor') }} = 'customer'

),

-- whoever is known by evidence only, such as a user of the product who never wrote
claimants as (

    select
        evidence.entity_key as customer_key,
        min(evidence.source) as source,
        min(evidence.instance) as instance
    from affected
    inner join {{ ref('int_identity__evidence') }} as evidence
        on
            affected.customer_key = evidence.entity_key
            and evidence.entity_type = 'customer'
            and evidence.rule = 'self'
    group by evidence.entity_key

),

written as (

    select
        interactions.customer_key,
        min(interactions.source) as source,
        min(interactions.instance) as instance,
        min(interactions.customer_id) as customer_id,
        (
            array_agg(interactions.account_key order by interactions.started_at desc, interactions.interaction_key asc)
            filter (where interactions.account_key is not null)
        )[1
        ] as account_key,
        (
            array_agg(interactions.tier order by interactions.started_at desc, interactions.interaction_key asc)
            filter (where interactions.tier is not null)
        )[1
        ] as tier,
        (
            array_agg(interactions.language order by interactions.started_at desc, interactions.interaction_key asc)
            filter (where interactions.language is not null)
        )[1
        ] as language,
        count(*)::int as interaction_count,
        min(interactions.started_at) as first_seen_at,
        max(interactions.last_message_at) as last_seen_at
    from affected
    inner join {{ ref('interactions') }} as interactions on affected.customer_key = interactions.customer_key
    group by interactions.customer_key

),

final as (

    select
        affected.customer_key,
        coalesce(people.person_key, affected.customer_key) as person_key,
        coalesce(records.account_key, written.account_key) as account_key,
        coalesce(people.organization_key, records.account_key, written.account_key) as organization_key,
        coalesce(records.source, written.source, claimants.source) as source,
        coalesce(records.instance, written.instance, claimants.instance) as instance,
        coalesce(records.customer_id, written.customer_id) as customer_id,
        written.tier,
        written.language,
        coalesce(written.interaction_count, 0) as interaction_count,
        written.first_seen_at,
        written.last_seen_at
    from affected
    left join people on affected.customer_key = people.customer_key
    left join records on affected.customer_key = records.customer_key
    left join written on affected.customer_key = written.customer_key
    left join claimants on affected.customer_key = claimants.customer_key
    where coalesce(records.customer_key, written.customer_key, claimants.customer_key) is not null

)

select * from final
