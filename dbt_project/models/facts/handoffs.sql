{{
    config(
        unique_key=['interaction_key', 'handoff_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per change of the agent who answers the customer, within an episode
with

messages as (

    select messages.*
    from {{ ref('messages') }} as messages
    inner join {{ ref('interactions') }} as interactions on messages.interaction_key = interactions.interaction_key
    inner join {{ ref('affected_interactions') }} as affected on interactions.interaction_key = affected.interaction_key
    where
        not messages.is_internal
        and not messages.is_automation
        and messages.actor in ('human_agent', 'ai_agent')

),

episodes as (

    select * from {{ ref('episodes') }}

),

replies as (

    select
        messages.*,
        episodes.episode_number,
        episodes.started_at as episode_started_at,
        lag(messages.actor) over episode_order as previous_actor,
        lag(messages.agent_key) over episode_order as previous_agent_key,
        lag(messages.team) over episode_order as previous_team,
        lag(messages.sent_at) over episode_order as previous_reply_at,
        count(*) filter (where messages.actor = 'ai_agent') over (
            partition by messages.interaction_key, episodes.episode_number
            order by messages.ordinal rows between unbounded preceding and 1 preceding
        ) as ai_replies_before
    from messages
    inner join episodes
        on
            messages.interaction_key = episodes.interaction_key
            and messages.ordinal between episodes.first_ordinal and episodes.last_ordinal
    window episode_order as (partition by messages.interaction_key, episodes.episode_number order by messages.ordinal)

),

changes as (

    select * from replies
    where
        previous_actor is not null
        and (previous_actor <> actor or previous_agent_key is distinct from agent_key)

),

final as (

    select
        interaction_key,
        row_number() over (partition by interaction_key order by ordinal)::int as handoff_number,
        episode_number,
        previous_agent_key as from_agent_key,
        agent_key as to_agent_key,
        previous_actor || '_to_' || actor as handoff_type,
        previous_team as from_team,
        team as to_team,
        coalesce(ai_replies_before, 0)::int as ai_replies_before,
        {{ minutes_between('episode_started_at', 'sent_at') }} as minutes_before,
        {{ minutes_between('previous_reply_at', 'sent_at') }} as gap_minutes,
        sent_at as handed_off_at
    from changes

)

select * from final
