{{
    config(
        unique_key=['interaction_key', 'customer_ordinal'],
        scope='changed_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per turn of the customer that waits for an answer: when it began, who answered and when
with

messages as (

    -- a stretch is what the customer writes up to and including the reply that ends it
    select
        messages.interaction_key,
        messages.ordinal,
        messages.actor,
        messages.agent_key,
        messages.sent_at,
        interactions.team,
        count(*) filter (where messages.actor <> 'customer') over (
            partition by messages.interaction_key
            order by messages.ordinal rows between unbounded preceding and 1 preceding
        ) as stretch
    from {{ ref('messages') }} as messages
    inner join {{ ref('interactions') }} as interactions on messages.interaction_key = interactions.interaction_key
    inner join {{ ref('changed_interactions') }} as changed on interactions.interaction_key = changed.interaction_key
    where not messages.is_internal and not messages.is_automation

),

team_schedules as (

    select * from {{ ref('schedules_by_team') }}

),

answered as (

    select
        interaction_key,
        stretch,
        max(team) as team,
        min(ordinal) filter (where actor = 'customer') as customer_ordinal,
        min(sent_at) filter (where actor = 'customer') as asked_at,
        max(ordinal) filter (where actor <> 'customer') as reply_ordinal,
        max(actor) filter (where actor <> 'customer') as answered_by,
        max(agent_key) filter (where actor <> 'customer') as agent_key,
        max(sent_at) filter (where actor <> 'customer') as answered_at
    from messages
    group by interaction_key, stretch
    having count(*) filter (where actor = 'customer') > 0

),

scheduled as (

    select
        answered.*,
        team_schedules.schedule_id,
        team_schedules.timezone,
        row_number() over (partition by answered.interaction_key order by answered.stretch) = 1 as is_first
    from answered
    inner join team_schedules on coalesce(answered.team, '') = team_schedules.team

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
        {{ business_minutes_between('scheduled', 'asked_at', 'answered_at') }} as response_bh_minutes,
        asked_at,
        answered_at
    from scheduled

)

select * from final
