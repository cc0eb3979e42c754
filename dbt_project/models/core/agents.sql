{{ config(unique_key='agent_key', scope='int_entities__affected', scope_columns=['agent_key']) }}
-- one row per agent, human, AI or automation, that a source lists or that has written a message
with

affected as (

    select agent_key
    from {{ ref('int_entities__affected') }}
    where agent_key is not null

),

teams as (

    select * from {{ ref('agent_teams') }}
    where is_current

),

listed as (

    select * from {{ ref('int_sources__agents') }}

),

final as (

    -- the lateral look-ups read one end of the index on (agent_key, sent_at): the cost does not follow an agent's history
    select
        affected.agent_key,
        coalesce(listed.source, latest.source) as source,
        coalesce(listed.instance, latest.instance) as instance,
        coalesce(listed.agent_id, latest.agent_id) as agent_id,
        coalesce(listed.agent_name, latest.agent_name) as agent_name,
        coalesce(listed.kind, case latest.actor when 'system' then 'automation' else latest.actor end) as kind,
        coalesce(
            listed.automation_reason, case when latest.actor = 'system' then 'the source marks its messages as automation' end
        ) as automation_reason,
        teams.role,
        coalesce(teams.team, latest.team) as team,
        latest.agent_version,
        listed.hired_at,
        listed.left_at,
        earliest.sent_at as first_seen_at,
        latest.sent_at as last_seen_at,
        -- what tenure is counted from
        coalesce(listed.hired_at, earliest.sent_at) as started_at
    from affected
    left join listed on affected.agent_key = listed.agent_key
    left join teams on affected.agent_key = teams.agent_key
    left join
        lateral (
            select messages.* from {{ ref('messages') }} as messages
            where messages.agent_key = affected.agent_key
            order by messages.sent_at desc, messages.message_key desc
            limit 1
        ) as latest
        on true
    left join
        lateral (
            select messages.sent_at from {{ ref('messages') }} as messages
            where messages.agent_key = affected.agent_key
            order by messages.sent_at
            limit 1
        ) as earliest
        on true
    where listed.agent_key is not null or latest.agent_key is not null

)

select * from final
