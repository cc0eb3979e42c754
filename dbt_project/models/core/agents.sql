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

staff as (

    select
        affected.agent_key,
        users.source,
        users.instance,
        users.user_id as agent_id,
        users.user_name as agent_name,
        case {{ json_text('known.facts', 'actor') }} when 'system' then 'automation' else {{ json_text('known.facts', 'actor') }} end
            as kind,
        {{ json_text('known.facts', 'automation_reason') }} as automation_reason,
        users.hired_at,
        users.left_at
    from affected
    inner join {{ ref('int_records__timeline') }} as known
        on
            affected.agent_key = known.record_key
            and known.record_type = 'user'
    inner join {{ ref('stg_zendesk__users') }} as users
        on
            known.source = users.source
            and known.instance = users.instance
            and known.record_id = users.user_id
    where {{ json_text('known.facts', 'actor') }} in ('human_agent', 'ai_agent', 'system')

),

actors as (

    select
        coalesce(owners.source, actors.source) as source,
        coalesce(owners.instance, actors.instance) as instance,
        coalesce(owners.actor_id, actors.actor_id) as agent_id,
        coalesce(owners.owner_name, actors.actor_name) as agent_name
    from (
        select * from {{ ref('stg_hubspot__owners') }}
        where actor_id is not null
    ) as owners
    full join (
        select * from {{ ref('stg_hubspot__actors') }}
        where actor_id ~ '^[ABI]-'
    ) as actors
        on
            owners.instance = actors.instance
            and owners.actor_id = actors.actor_id

),

listed as (

    select * from staff

    union all

    select
        affected.agent_key,
        actors.source,
        actors.instance,
        actors.agent_id,
        actors.agent_name,
        case left(actors.agent_id, 1) when 'A' then 'human_agent' when 'B' then 'ai_agent' when 'I' then 'automation' end as kind,
        case when actors.agent_id like 'I-%' then 'actor of an integration (' || actors.agent_id || ')' end as automation_reason,
        null::timestamptz as hired_at,
        null::timestamptz as left_at
    from affected
    inner join actors on affected.agent_key = {{ entity_key('actors.agent_id', 'actors.source', 'actors.instance') }}

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
