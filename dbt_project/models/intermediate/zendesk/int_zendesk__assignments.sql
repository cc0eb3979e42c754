-- one row per update of a ticket that this run works on which changes its agent or team; null is nobody
with

changes as (

    select * from {{ ref('int_zendesk__changes') }}
    where field in ('assignee_id', 'group_id')

),

-- one update may change both
updates as (

    select
        source,
        instance,
        ticket_id,
        audit_id,
        min(changed_at) as assigned_at,
        min(position) as position,
        bool_or(field = 'assignee_id') as has_agent,
        bool_or(field = 'group_id') as has_team,
        max(value) filter (where field = 'assignee_id') as agent_id,
        max(value) filter (where field = 'group_id') as group_id
    from changes
    group by source, instance, ticket_id, audit_id

),

numbered as (

    select
        *,
        count(*) filter (where has_agent) over by_time as agent_number,
        count(*) filter (where has_team) over by_time as team_number
    from updates
    window by_time as (partition by source, instance, ticket_id order by position)

),

-- an update that changes one of the two leaves the other as it was
carried as (

    select
        *,
        first_value(agent_id) over (partition by source, instance, ticket_id, agent_number order by position) as to_agent_id,
        first_value(group_id) over (partition by source, instance, ticket_id, team_number order by position) as to_group_id
    from numbered

),

final as (

    select
        carried.source,
        carried.instance,
        carried.ticket_id as interaction_id,
        case when carried.agent_number > 0 then carried.to_agent_id end as agent_id,
        case when carried.team_number > 0 then {{ json_text('groups.facts', 'team') }} end as team,
        carried.position,
        carried.assigned_at
    from carried
    left join {{ ref('int_records__timeline') }} as groups
        on
            carried.source = groups.source
            and carried.instance = groups.instance
            and groups.record_type = 'group'
            and carried.to_group_id = groups.record_id

)

select * from final
