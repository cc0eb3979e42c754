{{
    config(
        unique_key=['interaction_key', 'message_key'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- depends_on: {{ ref('affected_interactions') }}
-- one row per message in which a customer asks an AI agent for a person: whether one came, and after how long
with

final as (

    select
        turns.interaction_key,
        turns.message_key,
        turns.episode_number,
        turns.ordinal,
        case when turns.asks_for_superior then 'superior' else 'human' end as asked_for,
        (replies.sent_at is not null) as is_given,
        {{ minutes_between('turns.sent_at', 'replies.sent_at') }} as waited_minutes,
        turns.sent_at as requested_at
    from {{ ref('clarification_turns') }} as turns
    inner join {{ ref('affected_messages') }} as messages on turns.message_key = messages.message_key
    left join {{ ref('affected_messages') }} as replies
        on
            messages.interaction_key = replies.interaction_key
            and messages.episode_number = replies.episode_number
            and messages.next_human_ordinal = replies.ordinal
    where
        (turns.asks_for_human or turns.asks_for_superior)
        and turns.reply_before_actor is distinct from 'human_agent'

)

select * from final
