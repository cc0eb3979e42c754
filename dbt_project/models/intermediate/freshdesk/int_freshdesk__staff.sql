{{ config(materialized='steady_view') }}
-- one row per user who answers customers: an agent, or one that is configured as AI agent or automation
with

configured as (

    select
        options.instance,
        kinds.user_id #>> '{}' as user_id,
        kinds.actor
    from {{ ref('stg_ops__source_options') }} as options
    cross join
        lateral (
            select
                'ai_agent' as actor,
                agents.user_id
            from {{ json_elements("options.options -> 'ai_agents'") }} as agents (user_id)
            union all
            select
                'system' as actor,
                automations.user_id
            from {{ json_elements("options.options -> 'automations'") }} as automations (user_id)
        ) as kinds
    where options.source = 'freshdesk'

),

-- one that is configured as both is an AI agent
kinds as (

    select
        instance,
        user_id,
        min(actor) as actor
    from configured
    group by instance, user_id

),

final as (

    select
        'freshdesk' as source,
        coalesce(agents.instance, kinds.instance) as instance,
        coalesce(agents.agent_id, kinds.user_id) as user_id,
        agents.agent_name,
        agents.left_at,
        jsonb_strip_nulls(jsonb_build_object(
            'actor', coalesce(kinds.actor, 'human_agent'),
            'automation_reason', case when kinds.actor = 'system' then 'configured as an automation' end
        )) as facts,
        coalesce(agents._load_id, 0) as _load_id
    from {{ ref('stg_freshdesk__agents') }} as agents
    full join kinds
        on
            agents.instance = kinds.instance
            and agents.agent_id = kinds.user_id

)

select * from final
