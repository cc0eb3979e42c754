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

keyed as (

    select
        interactions.interaction_key,
        assignments.team,
        assignments.position,
        assignments.assigned_at,
        {{ entity_key('assignments.agent_id', 'assignments.source', 'assignments.instance') }} as to_agent_key
    from interactions
    inner join {{ ref('int_sources__assignments') }} as assignments
        on
            interactions.source = assignments.source
            and interactions.instance = assignments.instance
            and interactions.interaction_id = assignments.interaction_id

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
