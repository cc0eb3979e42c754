{{
    config(
        unique_key=['interaction_key', 'customer_ordinal'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per turn of the customer that waits for an answer: when it began, who answered and when
with

messages as (

    select
        messages.*,
        interactions.team as interaction_team,
        lag(messages.actor) over (partition by messages.interaction_key order by messages.ordinal) as previous_actor
    from {{ ref('messages') }} as messages
    inner join {{ ref('interactions') }} as interactions
        on
            messages.interaction_key = interactions.interaction_key
            and messages.interaction_started_at = interactions.started_at
    inner join {{ ref('affected_interactions') }} as affected on interactions.interaction_key = affected.interaction_key
    where not messages.is_internal and not messages.is_automation

),

schedules as (

    select * from {{ ref('business_schedules') }}

),

team_schedules as (

    select * from {{ ref('team_schedules') }}

),

turns as (

    select
        *,
        min(case when actor <> 'customer' then ordinal end) over (
            partition by interaction_key order by ordinal rows between 1 following and unbounded following
        ) as reply_ordinal
    from messages

),

answered as (

    select
        turns.interaction_key,
        turns.ordinal as customer_ordinal,
        turns.interaction_team,
        turns.sent_at as asked_at,
        replies.ordinal as reply_ordinal,
        replies.actor as answered_by,
        replies.agent_key,
        replies.sent_at as answered_at,
        row_number() over (partition by turns.interaction_key order by turns.ordinal) = 1 as is_first
    from turns
    left join messages as replies
        on
            turns.interaction_key = replies.interaction_key
            and turns.reply_ordinal = replies.ordinal
    where turns.actor = 'customer' and turns.previous_actor is distinct from 'customer'

),

scheduled as (

    select
        answered.*,
        coalesce(team_schedules.schedule_id, schedules.schedule_id) as schedule_id
    from answered
    inner join schedules on schedules.is_default
    left join team_schedules on answered.interaction_team = team_schedules.team

),

final as (

    select
        interaction_key,
        customer_ordinal,
        reply_ordinal,
        agent_key,
        answered_by,
        is_first,
        {{ minutes_between('asked_at', 'answered_at') }} as response_minutes,
        {{ business_minutes_between('schedule_id', 'asked_at', 'answered_at') }} as response_bh_minutes,
        asked_at,
        answered_at
    from scheduled

)

select * from final
