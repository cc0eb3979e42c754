{{
    config(
        unique_key=['interaction_key', 'handoff_number'],
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['from_agent_key']}]
    )
}}
-- one row per handoff that a source states: a reason written into the ticket, an escalation in the AI agents' export, or an
-- assignment from one agent to another; what is stated twice counts once, in this order. Who handed over, where the source does
-- not say, is the agent who wrote last before.
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('pending_interactions') }} as pending on interactions.interaction_key = pending.interaction_key
    where not interactions.is_deleted

),

assignments as (

    select assignments.*
    from {{ ref('assignments') }} as assignments
    inner join interactions on assignments.interaction_key = interactions.interaction_key

),

messages as (

    select * from {{ ref('int_messages__unioned') }}

),

announced as (

    select
        interactions.interaction_key,
        handoffs.stated_by,
        handoffs.from_agent_key,
        handoffs.reason,
        handoffs.handed_off_at
    from interactions
    inner join {{ ref('int_sources__handoffs') }} as handoffs
        on
            interactions.source = handoffs.source
            and interactions.instance = handoffs.instance
            and interactions.interaction_id = handoffs.interaction_id

),

-- the assignment that follows says to whom
addressed as (

    select
        announced.interaction_key,
        announced.stated_by,
        coalesce(announced.from_agent_key, speakers.agent_key) as from_agent_key,
        announced.reason,
        announced.handed_off_at,
        targets.assignment_number,
        targets.to_agent_key,
        targets.from_team,
        targets.to_team
    from announced
    left join
        lateral (
            select assignments.*
            from assignments
            where
                assignments.interaction_key = announced.interaction_key
                and assignments.assigned_at >= announced.handed_off_at
            order by assignments.assignment_number
            limit 1
        ) as targets
        on true
    left join
        lateral (
            select messages.agent_key
            from messages
            where
                messages.interaction_key = announced.interaction_key
                and messages.actor in ('human_agent', 'ai_agent')
                and messages.sent_at <= announced.handed_off_at
            order by messages.sent_at desc, messages.message_key desc
            limit 1
        ) as speakers
        on announced.from_agent_key is null

),

reassignments as (

    select
        assignments.interaction_key,
        'assignment' as stated_by,
        assignments.from_agent_key,
        null as reason,
        assignments.assigned_at as handed_off_at,
        assignments.assignment_number,
        assignments.to_agent_key,
        assignments.from_team,
        assignments.to_team
    from assignments
    where
        assignments.from_agent_key <> assignments.to_agent_key
        and not exists (
            select 1 from addressed
            where
                addressed.interaction_key = assignments.interaction_key
                and addressed.assignment_number = assignments.assignment_number
        )

),

unioned as (

    select * from addressed
    union all
    select * from reassignments

),

final as (

    select
        interaction_key,
        row_number() over (
            partition by interaction_key order by handed_off_at, stated_by, reason, from_agent_key
        )::int as handoff_number,
        stated_by,
        from_agent_key,
        to_agent_key,
        from_team,
        to_team,
        reason,
        handed_off_at
    from unioned

)

select * from final
