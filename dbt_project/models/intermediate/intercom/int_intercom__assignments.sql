-- one row per assignment of a conversation that this run works on, to an agent or to a team; null is nobody
with

numbered as (

    select
        *,
        count(*) filter (where field = 'agent') over by_time as agent_number,
        count(*) filter (where field = 'team') over by_time as team_number
    from {{ ref('int_intercom__changes') }}
    where field in ('agent', 'team')
    window by_time as (partition by source, instance, conversation_id order by position)

),

-- an assignment of one of the two leaves the other as it was
carried as (

    select
        *,
        first_value(case when field = 'agent' then value end) over (
            partition by source, instance, conversation_id, agent_number order by position
        ) as to_agent_id,
        first_value(case when field = 'team' then value end) over (
            partition by source, instance, conversation_id, team_number order by position
        ) as to_team_id,
        -- what is told of one move in two parts is one assignment
        lead(changed_at) over (partition by source, instance, conversation_id order by position) as next_changed_at
    from numbered

),

final as (

    select
        carried.source,
        carried.instance,
        carried.conversation_id as interaction_id,
        case when carried.agent_number > 0 then carried.to_agent_id end as agent_id,
        case when carried.team_number > 0 then {{ json_text('teams.facts', 'team') }} end as team,
        carried.position,
        carried.changed_at as assigned_at
    from carried
    left join {{ ref('int_records__timeline') }} as teams
        on
            carried.source = teams.source
            and carried.instance = teams.instance
            and teams.record_type = 'team'
            and carried.to_team_id = teams.record_id
    where carried.next_changed_at is distinct from carried.changed_at

)

select * from final
