{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per episode in which an AI agent answered or was tried: its outcome, exclusive, the first match wins
with

affected as (

    select * from {{ ref('affected_interactions') }}

),

ai_agents as (

    select agent_key
    from {{ ref('agents') }}
    where kind = 'ai_agent'

),

known as (

    select
        episodes.*,
        lead(episodes.started_at) over (partition by episodes.interaction_key order by episodes.episode_number) as next_episode_at
    from {{ ref('episodes') }} as episodes
    inner join affected on episodes.interaction_key = affected.interaction_key

),

-- a handoff that the source records counts where the AI agent had the case, whoever answered afterwards
recorded as (

    select
        known.interaction_key,
        known.episode_number,
        min(source_handoffs.handed_off_at) as handed_off_at
    from known
    inner join {{ ref('source_handoffs') }} as source_handoffs
        on
            known.interaction_key = source_handoffs.interaction_key
            and (known.episode_number = 1 or known.started_at <= source_handoffs.handed_off_at)
            and (known.next_episode_at is null or known.next_episode_at > source_handoffs.handed_off_at)
    inner join ai_agents on source_handoffs.from_agent_key = ai_agents.agent_key
    where
        not exists (
            select 1 from ai_agents as receivers
            where receivers.agent_key = source_handoffs.to_agent_key
        )
    group by known.interaction_key, known.episode_number

),

-- an AI agent that was given the case and wrote nothing was tried
assigned as (

    select distinct
        known.interaction_key,
        known.episode_number
    from known
    inner join {{ ref('assignments') }} as assignments
        on
            known.interaction_key = assignments.interaction_key
            and (known.episode_number = 1 or known.started_at <= assignments.assigned_at)
            and (known.next_episode_at is null or known.next_episode_at > assignments.assigned_at)
    inner join ai_agents on assignments.to_agent_key = ai_agents.agent_key

),

episodes as (

    select
        known.*,
        recorded.handed_off_at
    from known
    left join recorded
        on
            known.interaction_key = recorded.interaction_key
            and known.episode_number = recorded.episode_number
    left join assigned
        on
            known.interaction_key = assigned.interaction_key
            and known.episode_number = assigned.episode_number
    where known.ai_message_count > 0 or recorded.handed_off_at is not null or assigned.interaction_key is not null

),

issue_episodes as (

    select * from {{ ref('issue_episodes') }}

),

actions as (

    select
        done.interaction_key,
        done.episode_number,
        min(done.occurred_at) as acted_at
    from {{ ref('target_actions_done') }} as done
    inner join affected on done.interaction_key = affected.interaction_key
    group by done.interaction_key, done.episode_number

),

thumbs as (

    select
        feedback.interaction_key,
        feedback.episode_number,
        (array_agg(feedback.is_thumbed_up order by feedback.answer_number desc))[1] as is_thumbed_up
    from {{ ref('answer_feedback') }} as feedback
    inner join affected on feedback.interaction_key = affected.interaction_key
    where feedback.is_thumbed_up is not null
    group by feedback.interaction_key, feedback.episode_number

),

ratings as (

    select * from {{ ref('episode_ratings') }}

),

last_customer_messages as (

    select distinct on (turns.interaction_key, turns.episode_number) turns.*
    from {{ ref('clarification_turns') }} as turns
    inner join affected on turns.interaction_key = affected.interaction_key
    order by turns.interaction_key asc, turns.episode_number asc, turns.ordinal desc

),

signals as (

    select
        episodes.*,
        issue_episodes.issue_key,
        issue_episodes.contact_number,
        (episodes.human_message_count > 0 or episodes.handed_off_at is not null) as is_escalated,
        (episodes.handed_off_at is not null) as is_handoff_recorded,
        coalesce(
            issue_episodes.next_started_at
            <= episodes.last_message_at + interval '{{ var("containment_hours") }} hours', false
        ) as is_returned,
        (episodes.ai_message_count = 0) as is_without_answer,
        (
            episodes.last_actor = 'customer'
            -- thanks need no reply, a question does
            and not (
                coalesce(last_customer_messages.confirms_solved or last_customer_messages.needs_no_reply, false)
                and not coalesce(last_customer_messages.has_question, false)
            )
        ) as is_last_message_unanswered,
        coalesce(
            last_customer_messages.polarity < {{ var('negative_polarity') }}
            and last_customer_messages.reply_before_actor is not null
            and not last_customer_messages.confirms_solved, false
        ) as is_last_message_negative,
        coalesce(last_customer_messages.says_did_not_help, false) as is_unhelpful_stated,
        (coalesce(ratings.is_positive, false) or coalesce(thumbs.is_thumbed_up, false)) as is_positively_rated,
        coalesce(last_customer_messages.confirms_solved, false) as is_solution_confirmed,
        (actions.acted_at is not null) as is_target_action_done,
        (episodes.last_message_at + interval '{{ var("containment_hours") }} hours' > {{ as_of() }}) as is_window_open
    from episodes
    left join issue_episodes
        on
            episodes.interaction_key = issue_episodes.interaction_key
            and episodes.episode_number = issue_episodes.episode_number
    left join ratings
        on
            episodes.interaction_key = ratings.interaction_key
            and episodes.episode_number = ratings.episode_number
    left join thumbs
        on
            episodes.interaction_key = thumbs.interaction_key
            and episodes.episode_number = thumbs.episode_number
    left join actions
        on
            episodes.interaction_key = actions.interaction_key
            and episodes.episode_number = actions.episode_number
    left join last_customer_messages
        on
            episodes.interaction_key = last_customer_messages.interaction_key
            and episodes.episode_number = last_customer_messages.episode_number

),

final as (

    select
        interaction_key,
        episode_number,
        issue_key,
        -- only an escalation, a return and a confirmation end the observation early
        case
            when is_escalated then 'escalated'
            when is_returned then 'returned'
            when is_window_open and not (is_positively_rated or is_solution_confirmed or is_target_action_done) then 'pending'
            when
                is_without_answer or is_last_message_unanswered or is_last_message_negative or is_unhelpful_stated
                then 'abandoned'
            when is_positively_rated or is_solution_confirmed or is_target_action_done then 'confirmed'
            else 'assumed'
        end as outcome,
        '2026-2' as definition_version,
        is_escalated,
        is_handoff_recorded,
        is_returned,
        is_without_answer,
        is_last_message_unanswered,
        is_last_message_negative,
        is_unhelpful_stated,
        is_positively_rated,
        is_solution_confirmed,
        is_target_action_done,
        is_window_open,
        last_message_at
    from signals

)

select * from final
