{{ config(unique_key='account_key') }}
-- one row per account with an interaction; a CRM source adds what it knows
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

interactions as (

    select * from {{ ref('interactions') }}

),

conversations as (

    select * from {{ ref('int_conversations__unioned') }}

),

touched as (

    select
        interactions.account_key,
        max(conversations.account_id) as account_id,
        max(interactions.source) as source,
        max(interactions.instance) as instance,
        (
            array_agg(interactions.tier order by interactions.started_at desc, interactions.interaction_key asc)
            filter (where interactions.tier is not null)
        )[1
        ] as tier
    from interactions
    inner join pending on interactions.interaction_key = pending.interaction_key
    inner join conversations on interactions.interaction_key = conversations.interaction_key
    where interactions.account_key is not null
    group by interactions.account_key

)

select * from touched
