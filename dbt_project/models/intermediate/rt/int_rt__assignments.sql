-- one row per change of the owner or queue of a ticket that this run works on; null is nobody
with

changes as (

    select
        *,
        count(*) filter (where field = 'owner') over by_time as owner_number,
        count(*) filter (where field = 'queue') over by_time as queue_number
    from {{ ref('int_rt__changes') }}
    where field in ('owner', 'queue')
    window by_time as (partition by source, instance, ticket_id order by position, field)

),

-- one of the two changes and the other stays as it was
carried as (

    select
        *,
        first_value(case when field = 'owner' then value end)
            over (partition by source, instance, ticket_id, owner_number order by position, field) as owner_id,
        first_value(case when field = 'queue' then value end)
            over (partition by source, instance, ticket_id, queue_number order by position asc, field desc) as queue_id
    from changes

),

-- the beginning sets both
latest as (

    select distinct on (instance, ticket_id, position) *
    from carried
    order by instance asc, ticket_id asc, position asc, field desc

)

select
    latest.source,
    latest.instance,
    latest.ticket_id as interaction_id,
    case when users.user_name <> 'Nobody' then latest.owner_id end as agent_id,
    {{ json_text('queues.facts', 'team') }} as team,
    latest.position,
    latest.changed_at as assigned_at
from latest
left join {{ ref('stg_rt__users') }} as users
    on
        latest.instance = users.instance
        and latest.owner_id = users.user_id
left join {{ ref('int_records__timeline') }} as queues
    on
        latest.source = queues.source
        and latest.instance = queues.instance
        and queues.record_type = 'queue'
        and latest.queue_id = queues.record_id
