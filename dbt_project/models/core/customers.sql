{{ config(unique_key='customer_key', indexes=[{'columns': ['account_key']}]) }}
-- one row per customer with an interaction; no name and no address, only what marts may know
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

interactions as (

    select * from {{ ref('interactions') }}

),

touched as (

    select distinct interactions.customer_key
    from interactions
    inner join pending on interactions.interaction_key = pending.interaction_key
    where interactions.customer_key is not null

),

final as (

    select
        interactions.customer_key,
        (array_agg(interactions.source))[1] as source,
        (array_agg(interactions.instance))[1] as instance,
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
        min(interactions.started_at) as first_seen_at,
        max(interactions.last_message_at) as last_seen_at
    from touched
    inner join interactions on touched.customer_key = interactions.customer_key
    group by interactions.customer_key

)

select * from final
