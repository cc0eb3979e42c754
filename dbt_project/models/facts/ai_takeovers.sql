{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per episode that an AI agent handed to a person: by whose record or reply, to whom, and when
with

affected as (

    select * from {{ ref('affected_interactions') }}

),

episodes as (

    select
        ai_episodes.*,
        spans.last_ordinal
    from {{ ref('ai_episodes') }} as ai_episodes
    inner join affected on ai_episodes.interaction_key = affected.interaction_key
    inner join {{ ref('episodes') }} as spans
        on ai_episodes.interaction_key = spans.interaction_key and ai_episodes.episode_number = spans.episode_number
    where ai_episodes.is_escalated

),

-- the person who wrote first after the AI agent
first_ai_replies as (

    select
        interaction_key,
        episode_number,
        min(ordinal) as ordinal
    from {{ ref('affected_messages') }}
    where actor = 'ai_agent'
    group by interaction_key, episode_number

),

takeovers as (

    select distinct on (replies.interaction_key, replies.episode_number)
        replies.interaction_key,
        replies.episode_number,
        replies.ordinal,
        replies.agent_key,
        replies.team,
        replies.sent_at
    from {{ ref('affected_messages') }} as replies
    inner join first_ai_replies
        on
            replies.interaction_key = first_ai_replies.interaction_key
            and replies.episode_number = first_ai_replies.episode_number
            and replies.ordinal > first_ai_replies.ordinal
    where replies.actor = 'human_agent'
    order by replies.interaction_key asc, replies.episode_number asc, replies.ordinal asc

),

ai_agents as (

    select agent_key from {{ ref('agents') }}
    where kind = 'ai_agent'

),

recorded as (

    select distinct on (episodes.interaction_key, episodes.episode_number)
        episodes.episode_number,
        stated.*
    from episodes
    inner join {{ ref('source_handoffs') }} as stated
        on
            episodes.interaction_key = stated.interaction_key
            and (episodes.episode_number = 1 or episodes.started_at <= stated.handed_off_at)
            and (episodes.reopened_at is null or episodes.reopened_at > stated.handed_off_at)
    inner join ai_agents as givers on stated.from_agent_key = givers.agent_key
    left join ai_agents as receivers on stated.to_agent_key = receivers.agent_key
    where receivers.agent_key is null
    order by
        episodes.interaction_key asc, episodes.episode_number asc, (stated.reason is null) asc, stated.handed_off_at asc

),

final as (

    select
        episodes.interaction_key,
        episodes.episode_number,
        coalesce(recorded.from_agent_key, episodes.agent_key) as from_agent_key,
        coalesce(takeovers.agent_key, recorded.to_agent_key) as to_agent_key,
        coalesce(recorded.to_team, takeovers.team) as to_team,
        lower(regexp_replace(recorded.reason, '[^[:alnum:]]+', '_', 'g')) as stated_reason,
        coalesce(takeovers.ordinal, episodes.last_ordinal + 1) as handoff_ordinal,
        takeovers.sent_at as taken_over_at,
        least(recorded.handed_off_at, takeovers.sent_at) as handed_off_at,
        (recorded.interaction_key is not null) as is_recorded
    from episodes
    left join takeovers
        on episodes.interaction_key = takeovers.interaction_key and episodes.episode_number = takeovers.episode_number
    left join recorded
        on episodes.interaction_key = recorded.interaction_key and episodes.episode_number = recorded.episode_number
    where takeovers.interaction_key is not null or recorded.interaction_key is not null

)

select * from final
