{{
    config(
        unique_key=['interaction_key', 'assignment_number'],
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['to_agent_key']}]
    )
}}
-- one row per change of the agent or team that an interaction is assigned to, as its source states it; null is nobody
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('pending_interactions') }} as pending on interactions.interaction_key = pending.interaction_key
    where not interactions.is_deleted

),

changes as (

    select
        interactions.interaction_key,
        changes.*
    from interactions
    inner join {{ ref('int_zendesk__changes') }} as changes
        on
            interactions.source = changes.source
            and interactions.instance = changes.instance
            and interactions.interaction_id = changes.ticket_id
    where changes.field in ('assignee_id', 'group_id')

),

-- one update may change both
updates as (

    select
        interaction_key,
        source,
        instance,
        audit_id,
        min(changed_at) as assigned_at,
        min(position) as position,
        bool_or(field = 'assignee_id') as has_agent,
        bool_or(field = 'group_id') as has_team,
        max(value) filter (where field = 'assignee_id') as agent_id,
        max(value) filter (where field = 'group_id') as group_id
    from changes
    group by interaction_key, source, instance, audit_id

),

numbered as (

    select
        *,
        count(*) filter (where has_agent) over by_time as agent_number,
        count(*) filter (where has_team) over by_time as team_number
    from updates
    window by_time as (partition by interaction_key order by position)

),

-- an update that changes one of the two leaves the other as it was
carried as (

    select
        *,
        first_value(agent_id) over (partition by interaction_key, agent_number order by position) as to_agent_id,
        first_value(group_id) over (partition by interaction_key, team_number order by position) as to_group_id
    from numbered

),

zendesk_assignments as (

    select
        carried.interaction_key,
        carried.source,
        carried.instance,
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

),

hubspot_assignments as (

    select
        interactions.interaction_key,
        messages.source,
        messages.instance,
        messages.assigned_to as agent_id,
        null::text as team,
        row_number() over (
            partition by interactions.interaction_key order by messages.sent_at, messages.message_id
        ) as position,
        messages.sent_at as assigned_at
    from interactions
    inner join {{ ref('stg_hubspot__messages') }} as messages
        on
            interactions.source = messages.source
            and interactions.instance = messages.instance
            and interactions.interaction_id = messages.ticket_id
    where messages.entry_type = 'ASSIGNMENT' and not messages.is_archived and messages.sent_at is not null

),

unioned as (

    select * from zendesk_assignments
    union all
    select * from hubspot_assignments

),

keyed as (

    select
        *,
        {{ entity_key('agent_id') }} as to_agent_key
    from unioned

),

final as (

    select
        interaction_key,
        row_number() over (partition by interaction_key order by position)::int as assignment_number,
        lag(to_agent_key) over (partition by interaction_key order by position) as from_agent_key,
        to_agent_key,
        lag(team) over (partition by interaction_key order by position) as from_team,
        team as to_team,
        assigned_at
    from keyed

)

select * from final
