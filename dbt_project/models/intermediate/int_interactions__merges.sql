{{
    config(
        materialized='keyed',
        unique_key=['source', 'instance', 'interaction_id', 'loser_id', 'survivor_id'],
        scope='landed_interactions',
        scope_columns=['source', 'instance', 'interaction_id'],
        indexes=[{'columns': ['source', 'instance', 'loser_id']}, {'columns': ['source', 'instance', 'survivor_id']}]
    )
}}
-- one row per interaction and merge that it states: which interaction went into which
with

landed as (

    select * from {{ ref('landed_interactions') }}

),

zendesk_merges as (

    select
        stated.source,
        stated.instance,
        stated.ticket_id as interaction_id,
        stated.loser_id,
        stated.survivor_id
    from landed
    inner join {{ ref('stg_zendesk__ticket_merges') }} as stated
        on
            landed.source = stated.source
            and landed.instance = stated.instance
            and landed.interaction_id = stated.ticket_id

),

hubspot_merges as (

    select
        tickets.source,
        tickets.instance,
        tickets.ticket_id as interaction_id,
        trim(losers.loser_id) as loser_id,
        tickets.ticket_id as survivor_id
    from landed
    inner join {{ ref('stg_hubspot__tickets') }} as tickets
        on
            landed.source = tickets.source
            and landed.instance = tickets.instance
            and landed.interaction_id = tickets.ticket_id
    cross join lateral unnest(tickets.merged_ticket_ids) as losers (loser_id)
    where trim(losers.loser_id) not in ('', tickets.ticket_id)

),

final as (

    select * from zendesk_merges
    union
    select * from hubspot_merges

)

select * from final
