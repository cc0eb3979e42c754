-- one row per ticket that landed and merge that a notice in it states. No field of Freshdesk names the other ticket: it is known
-- by the note that a merge leaves on either side, which no customer writes.
with

notes as (

    select
        notes.source,
        notes.instance,
        notes.ticket_id,
        substring(notes.text from '(?i)' || {{ json_text('settings.facts', 'merged_into_note') }}) as went_into,
        substring(notes.text from '(?i)' || {{ json_text('settings.facts', 'merged_from_note') }}) as came_from
    from {{ ref('landed_interactions') }} as landed
    inner join {{ ref('stg_freshdesk__conversations') }} as notes
        on
            landed.source = notes.source
            and landed.instance = notes.instance
            and landed.interaction_id = notes.ticket_id
    inner join {{ ref('int_freshdesk__settings') }} as settings on notes.instance = settings.instance
    where notes.is_incoming = false

),

final as (

    select
        source,
        instance,
        ticket_id as interaction_id,
        coalesce(case when went_into is null then came_from end, ticket_id) as loser_id,
        coalesce(went_into, ticket_id) as survivor_id
    from notes
    where coalesce(went_into, came_from) <> ticket_id

)

select * from final
