{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['person_key', 'topic', 'started_at']}]
    )
}}
-- one row per episode: from a first customer message, or a reopening, to its close
with

affected as (

    select * from {{ ref('affected_interactions') }}

),

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join affected on interactions.interaction_key = affected.interaction_key
    where not interactions.is_deleted

),

closes as (

    select
        stated.interaction_key,
        array_agg(stated.closed_at) as closed_at
    from (
        select
            status_events.interaction_key,
            status_events.changed_at as closed_at
        from {{ ref('status_events') }} as status_events
        inner join interactions on status_events.interaction_key = interactions.interaction_key
        where status_events.status in ('solved', 'closed')

        union

        select
            interaction_key,
            closed_at
        from interactions
        where closed_at is not null
    ) as stated
    group by stated.interaction_key

),

public_messages as (

    select
        messages.interaction_key,
        messages.ordinal,
        messages.actor,
        messages.agent_key,
        messages.sent_at,
        closes.closed_at,
        lag(messages.sent_at) over (partition by messages.interaction_key order by messages.ordinal) as previous_sent_at,
        count(*) filter (where messages.actor = 'customer') over (
            partition by messages.interaction_key order by messages.ordinal
        ) as customer_messages_so_far
    from {{ ref('messages') }} as messages
    inner join interactions on messages.interaction_key = interactions.interaction_key
    left join closes on messages.interaction_key = closes.interaction_key
    where not messages.is_internal and not messages.is_automation

),

marked as (

    -- a customer who writes again after the close, or after the idle time, opens a new episode
    select
        *,
        case
            when
                actor = 'customer'
                and customer_messages_so_far > 1
                and (
                    sent_at - previous_sent_at > interval '{{ var("episode_idle_hours") }} hours'
                    or exists (
                        select 1 from unnest(closed_at) as ends (ended_at)
                        where ends.ended_at >= previous_sent_at and ends.ended_at < sent_at
                    )
                )
                then 1
            else 0
        end as is_opening
    from public_messages

),

numbered as (

    select
        *,
        1 + sum(is_opening) over (partition by interaction_key order by ordinal) as episode_number
    from marked

),

ordered as (

    select
        *,
        lag(actor) over (partition by interaction_key, episode_number order by ordinal) as previous_actor,
        lag(agent_key) over (partition by interaction_key, episode_number order by ordinal) as previous_agent_key,
        lag(sent_at) over (partition by interaction_key, episode_number order by ordinal) as previous_in_episode_at
    from numbered

),

summed as (

    select
        interaction_key,
        episode_number,
        min(ordinal) as first_ordinal,
        max(ordinal) as last_ordinal,
        coalesce(min(sent_at) filter (where actor = 'customer'), min(sent_at)) as started_at,
        max(sent_at) as last_message_at,
        min(sent_at) filter (where actor = 'ai_agent') as first_ai_reply_at,
        min(sent_at) filter (where actor = 'human_agent') as first_human_reply_at,
        (array_agg(actor order by ordinal desc))[1] as last_actor,
        count(*) filter (where actor = 'customer') as customer_message_count,
        count(*) filter (where actor = 'human_agent') as human_message_count,
        count(*) filter (where actor = 'ai_agent') as ai_message_count,
        -- a turn is a run of messages of the customer; a touch is a run of replies of one agent
        count(*) filter (where actor = 'customer' and previous_actor is distinct from 'customer') as customer_turn_count,
        count(*) filter (
            where actor in ('human_agent', 'ai_agent')
            and (previous_actor is distinct from actor or previous_agent_key is distinct from agent_key)
        ) as touch_count,
        sum(
            least(
                extract(epoch from (sent_at - previous_in_episode_at)) / 60.0,
                {{ var('handle_gap_cap_minutes') }}
            )
        ) filter (where actor in ('human_agent', 'ai_agent')) as handle_minutes,
        -- the part of people, in whole microseconds: money is worked out from it, and no order of rows may change a cent
        sum(
            least(
                extract(epoch from (sent_at - previous_in_episode_at)),
                60 * {{ var('handle_gap_cap_minutes') }}
            )
        ) filter (where actor = 'human_agent') as human_handle_seconds
    from ordered
    where customer_messages_so_far > 0 or actor <> 'customer'
    group by interaction_key, episode_number

),

closed as (

    select
        summed.*,
        interactions.customer_key,
        interactions.person_key,
        interactions.topic,
        interactions.status,
        case
            when summed.episode_number < max(summed.episode_number) over (partition by summed.interaction_key)
                then 'reopened'
            when interactions.status in ('solved', 'closed') then 'source'
            when
                interactions.status is null
                and summed.last_message_at + interval '{{ var("episode_idle_hours") }} hours' <= {{ as_of() }}
                then 'idle'
            else 'open'
        end as close_reason,
        interactions.solved_at as source_solved_at
    from summed
    inner join interactions on summed.interaction_key = interactions.interaction_key

),

final as (

    select
        interaction_key,
        episode_number::int as episode_number,
        customer_key,
        person_key,
        topic,
        case
            when human_message_count > 0 and ai_message_count > 0 and first_ai_reply_at <= first_human_reply_at then 'ai_then_human'
            when human_message_count > 0 and ai_message_count > 0 then 'human_then_ai'
            when ai_message_count > 0 then 'ai_only'
            when human_message_count > 0 then 'human_only'
            else 'unhandled'
        end as handled_by,
        close_reason,
        last_actor,
        first_ordinal,
        last_ordinal,
        customer_message_count::int as customer_message_count,
        human_message_count::int as human_message_count,
        ai_message_count::int as ai_message_count,
        customer_turn_count::int as customer_turn_count,
        touch_count::int as touch_count,
        coalesce(handle_minutes, 0)::double precision as handle_minutes,
        coalesce(human_handle_seconds, 0)::numeric as human_handle_seconds,
        (close_reason in ('source', 'reopened') or (close_reason = 'idle' and last_actor <> 'customer')) as is_solved,
        started_at,
        first_ai_reply_at,
        first_human_reply_at,
        least(first_ai_reply_at, first_human_reply_at) as first_reply_at,
        last_message_at,
        case
            when close_reason = 'source' then greatest(source_solved_at, started_at)
            when close_reason = 'reopened' then last_message_at
            when close_reason = 'idle' and last_actor <> 'customer' then last_message_at
        end as solved_at,
        case
            when close_reason = 'source' then greatest(source_solved_at, last_message_at)
            when close_reason = 'reopened' then last_message_at
            when close_reason = 'idle' then last_message_at + interval '{{ var("episode_idle_hours") }} hours'
        end as closed_at
    from closed

)

select * from final
