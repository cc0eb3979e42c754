-- one row per audit and pair of tickets that it says were merged; both sides of a merge say so
with

audits as (

    select
        instance,
        interaction_id as ticket_id,
        id as audit_id,
        {{ json_value('payload', 'merged_ticket_ids') }} as merged_ticket_ids,
        {{ json_value("payload -> 'via' -> 'source'", 'from') }} as came_from,
        {{ json_text("payload -> 'via' -> 'source'", 'rel') }} as rel,
        {{ json_text("payload -> 'via' -> 'source' -> 'to'", 'ticket_id') }} as went_to,
        _load_id
    from {{ source('raw_zendesk', 'ticket_events') }}

),

stated as (

    select
        audits.*,
        audits.ticket_id as loser_id,
        audits.went_to as survivor_id
    from audits
    where audits.rel = 'merge'

    union all

    select
        audits.*,
        {{ json_text('audits.came_from', 'ticket_id') }} as loser_id,
        audits.ticket_id as survivor_id
    from audits
    where audits.rel = 'merge'

    union all

    select
        audits.*,
        merged.ticket_id #>> '{}' as loser_id,
        audits.ticket_id as survivor_id
    from audits
    cross join lateral {{ json_elements('audits.merged_ticket_ids') }} as merged (ticket_id)

    union all

    select
        audits.*,
        merged.ticket_id #>> '{}' as loser_id,
        audits.ticket_id as survivor_id
    from audits
    cross join lateral {{ json_elements("audits.came_from -> 'ticket_ids'") }} as merged (ticket_id)
    where audits.rel = 'merge'

)

select
    'zendesk' as source,
    instance,
    ticket_id,
    audit_id,
    loser_id,
    survivor_id,
    _load_id
from stated
where loser_id <> survivor_id
