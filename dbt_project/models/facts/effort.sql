{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per episode that an AI agent answered in: what it cost the customer to get a useful answer
with

affected as (

    select * from {{ ref('affected_interactions') }}

),

episodes as (

    select
        episodes.*,
        interactions.channel
    from {{ ref('episodes') }} as episodes
    inner join affected on episodes.interaction_key = affected.interaction_key
    inner join {{ ref('interactions') }} as interactions on episodes.interaction_key = interactions.interaction_key

),

-- channels of an issue in the order in which the customer used them
contacts as (

    select
        issue_episodes.issue_key,
        issue_episodes.contact_number,
        episodes.channel,
        lag(episodes.channel) over (
            partition by issue_episodes.issue_key
            order by issue_episodes.started_at, issue_episodes.interaction_key, issue_episodes.episode_number
        ) as previous_channel
    from {{ ref('issue_episodes') }} as issue_episodes
    inner join episodes
        on
            issue_episodes.interaction_key = episodes.interaction_key
            and issue_episodes.episode_number = episodes.episode_number

),

issues as (

    select
        issue_key,
        count(*) filter (where contact_number > 1 and channel is distinct from previous_channel)::int as channel_switch_count
    from contacts
    group by issue_key

),

turns as (

    select turns.*
    from {{ ref('clarification_turns') }} as turns
    inner join affected on turns.interaction_key = affected.interaction_key

),

turned as (

    select
        interaction_key,
        episode_number,
        count(*)::int as customer_message_count,
        count(*) filter (where is_rephrase)::int as rephrase_count,
        count(*) filter (where is_clarification)::int as clarification_count,
        count(*) filter (where reply_before_actor = 'ai_agent')::int as after_answer_count,
        max(ordinal) filter (where is_clarification or asks_for_human or asks_for_superior) as last_clarification_ordinal
    from turns
    group by interaction_key, episode_number

),

answers as (

    select
        feedback.interaction_key,
        feedback.episode_number,
        feedback.is_useful,
        messages.ordinal,
        messages.customer_number
    from {{ ref('answer_feedback') }} as feedback
    inner join {{ ref('affected_messages') }} as messages on feedback.message_key = messages.message_key

),

-- the first answer that was useful; where nothing says so, the first one after which nobody asked again
ends as (

    select
        episodes.interaction_key,
        episodes.episode_number,
        coalesce(
            min(answers.customer_number) filter (where answers.is_useful),
            min(answers.customer_number) filter (
                where episodes.human_message_count = 0
                and answers.ordinal > coalesce(turned.last_clarification_ordinal, 0)
                and answers.is_useful is null
            )
        ) as customer_message_count
    from episodes
    inner join turned
        on
            episodes.interaction_key = turned.interaction_key
            and episodes.episode_number = turned.episode_number
    inner join answers
        on
            episodes.interaction_key = answers.interaction_key
            and episodes.episode_number = answers.episode_number
    group by episodes.interaction_key, episodes.episode_number

),

counted as (

    select
        turned.interaction_key,
        turned.episode_number,
        (ends.customer_message_count is not null) as has_useful_answer,
        coalesce(ends.customer_message_count, turned.customer_message_count)::int as messages_to_useful_answer,
        turned.rephrase_count,
        turned.clarification_count,
        turned.after_answer_count,
        coalesce(issues.channel_switch_count, 0) as channel_switch_count
    from turned
    left join ends
        on
            turned.interaction_key = ends.interaction_key
            and turned.episode_number = ends.episode_number
    left join {{ ref('issue_episodes') }} as issue_episodes
        on
            turned.interaction_key = issue_episodes.interaction_key
            and turned.episode_number = issue_episodes.episode_number
    left join issues on issue_episodes.issue_key = issues.issue_key

),

final as (

    select
        *,
        least(
            7,
            1
            + {{ var('effort_per_message') }} * greatest(0, messages_to_useful_answer - 1)
            + {{ var('effort_per_rephrase') }} * rephrase_count
            + {{ var('effort_per_channel_switch') }} * channel_switch_count
        )::double precision as automated_effort_score
    from counted

)

select * from final
