{{
    config(
        unique_key=['interaction_key', 'episode_number', 'event_key'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per episode and event of product analytics with which the customer got done, in time, what the episode was about
with

episodes as (

    select
        episodes.interaction_key,
        episodes.episode_number,
        episodes.person_key,
        episodes.topic,
        episodes.first_ai_reply_at,
        episodes.last_message_at
    from {{ ref('episodes') }} as episodes
    inner join {{ ref('affected_interactions') }} as affected on episodes.interaction_key = affected.interaction_key
    where episodes.ai_message_count > 0 and episodes.person_key is not null

),

people as (

    select
        customer_key,
        person_key
    from {{ ref('customers') }}
    where person_key is not null

),

final as (

    select
        episodes.interaction_key,
        episodes.episode_number,
        events.event_key,
        events.event_name,
        events.occurred_at
    from episodes
    inner join {{ ref('target_actions') }} as target_actions on episodes.topic = target_actions.topic
    inner join people on episodes.person_key = people.person_key
    inner join {{ ref('product_events') }} as events
        on
            people.customer_key = events.customer_key
            and target_actions.event_name = events.event_name
            and episodes.first_ai_reply_at < events.occurred_at
            and episodes.last_message_at + interval '{{ var("action_hours") }} hours' >= events.occurred_at
            and events.occurred_at < {{ as_of() }}

)

select * from final
