{{
    config(
        unique_key=['interaction_key', 'message_key'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per message in which a customer asks an AI agent for a person: whether one came, and after how long
with

requests as (

    select turns.*
    from {{ ref('clarification_turns') }} as turns
    inner join {{ ref('affected_interactions') }} as affected on turns.interaction_key = affected.interaction_key
    where
        (turns.asks_for_human or turns.asks_for_superior)
        and turns.reply_before_actor is distinct from 'human_agent'

),

episodes as (

    select * from {{ ref('episodes') }}

),

final as (

    select
        requests.interaction_key,
        requests.message_key,
        requests.episode_number,
        requests.ordinal,
        case when requests.asks_for_superior then 'superior' else 'human' end as asked_for,
        coalesce(given.sent_at is not null, false) as is_given,
        {{ minutes_between('requests.sent_at', 'given.sent_at') }} as waited_minutes,
        requests.sent_at as requested_at
    from requests
    inner join episodes
        on
            requests.interaction_key = episodes.interaction_key
            and requests.episode_number = episodes.episode_number
    left join
        lateral (
            select min(messages.sent_at) as sent_at
            from {{ ref('messages') }} as messages
            where
                messages.interaction_key = requests.interaction_key
                and messages.ordinal between requests.ordinal and episodes.last_ordinal
                and messages.actor = 'human_agent'
                and not messages.is_internal
                and not messages.is_automation
        ) as given
        on true

)

select * from final
