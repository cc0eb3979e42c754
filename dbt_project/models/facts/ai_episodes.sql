{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per episode in which an AI agent answered or was tried: everything that verdicts are made of
with

affected as (

    select * from {{ ref('affected_interactions') }}

),

outcomes as (

    select outcomes.*
    from {{ ref('outcomes') }} as outcomes
    inner join affected on outcomes.interaction_key = affected.interaction_key

),

episodes as (

    select
        episodes.*,
        lead(episodes.started_at) over (partition by episodes.interaction_key order by episodes.episode_number) as reopened_at
    from {{ ref('episodes') }} as episodes
    inner join affected on episodes.interaction_key = affected.interaction_key

),

feedback as (

    select feedback.*
    from {{ ref('answer_feedback') }} as feedback
    inner join affected on feedback.interaction_key = affected.interaction_key

),

answers as (

    select
        interaction_key,
        episode_number,
        (array_agg(agent_key order by answer_number desc))[1] as agent_key,
        (array_agg(agent_version order by answer_number desc))[1] as agent_version,
        (array_agg(stated_intent order by answer_number) filter (where stated_intent is not null))[1] as first_intent,
        count(*)::int as answer_count,
        count(*) filter (where is_useful)::int as useful_answer_count,
        count(*) filter (where is_useful is not null)::int as judged_answer_count,
        count(*) filter (where is_explicitly_useful)::int as explicitly_useful_count,
        count(*) filter (where is_explicitly_useful is not null)::int as explicitly_judged_count,
        count(*) filter (where is_implicitly_useful)::int as implicitly_useful_count,
        count(*) filter (where is_implicitly_useful is not null)::int as implicitly_judged_count,
        count(*) filter (where not is_useful and stated_confidence >= {{ var('sure_confidence') }})::int as sure_and_useless_count,
        min(stated_confidence) as least_confidence,
        -- what it thought of its last answer that was more than a farewell
        (array_agg(stated_confidence order by answer_number desc) filter (where reaction_count > 0 or answer_number = 1))[1]
            as last_confidence,
        (array_agg(is_useful order by answer_number desc))[1] as is_last_useful
    from feedback
    group by interaction_key, episode_number

),

retrievals as (

    select
        feedback.interaction_key,
        feedback.episode_number,
        count(*)::int as retrieval_count,
        count(*) filter (where retrievals.is_stale)::int as stale_retrieval_count,
        count(distinct feedback.message_key)::int as cited_answer_count
    from feedback
    inner join {{ ref('article_retrievals') }} as retrievals on feedback.message_key = retrievals.message_key
    group by feedback.interaction_key, feedback.episode_number

),

tools as (

    select
        feedback.interaction_key,
        feedback.episode_number,
        count(*)::int as tool_call_count,
        count(*) filter (where tool_calls.status in ('failed', 'timeout', 'partial'))::int as failed_tool_call_count
    from feedback
    inner join {{ ref('tool_calls') }} as tool_calls on feedback.message_key = tool_calls.message_key
    group by feedback.interaction_key, feedback.episode_number

),

requests as (

    select
        requests.interaction_key,
        requests.episode_number,
        count(*)::int as human_request_count,
        bool_and(requests.is_given) as is_human_given
    from {{ ref('escalation_requests') }} as requests
    inner join affected on requests.interaction_key = affected.interaction_key
    group by requests.interaction_key, requests.episode_number

),

effort as (

    select effort.*
    from {{ ref('effort') }} as effort
    inner join affected on effort.interaction_key = affected.interaction_key

),

polarity as (

    select
        turns.interaction_key,
        turns.episode_number,
        (array_agg(turns.polarity order by turns.ordinal))[1] as first_polarity,
        (array_agg(turns.polarity order by turns.ordinal desc))[1] as last_polarity
    from {{ ref('clarification_turns') }} as turns
    inner join affected on turns.interaction_key = affected.interaction_key
    where turns.polarity is not null
    group by turns.interaction_key, turns.episode_number

),

judged as (

    select
        scored.interaction_key,
        bool_or(
            scored.outcome = 'fails'
            and scored.indicator_id = any('{{ "{" ~ var("accuracy_indicators") | join(",") ~ "}" }}')
        ) as is_accuracy_failed
    from {{ ref('fct_indicator_results') }} as scored
    inner join affected on scored.interaction_key = affected.interaction_key
    where scored.subject = 'ai_agent'
    group by scored.interaction_key

),

violations as (

    select
        violations.interaction_key,
        count(*)::int as policy_violation_count
    from {{ ref('fct_policy_violations') }} as violations
    inner join affected on violations.interaction_key = affected.interaction_key
    where violations.subject = 'ai_agent'
    group by violations.interaction_key

),

final as (

    select
        outcomes.interaction_key,
        outcomes.episode_number,
        outcomes.issue_key,
        outcomes.outcome,
        outcomes.definition_version,
        answers.agent_key,
        answers.agent_version,
        answers.first_intent,
        episodes.topic,
        episodes.handled_by,
        episodes.last_actor,
        outcomes.is_escalated,
        outcomes.is_handoff_recorded,
        outcomes.is_returned,
        outcomes.is_without_answer,
        outcomes.is_last_message_unanswered,
        outcomes.is_last_message_negative,
        outcomes.is_unhelpful_stated,
        outcomes.is_positively_rated,
        outcomes.is_solution_confirmed,
        outcomes.is_target_action_done,
        outcomes.is_window_open,
        episodes.is_solved,
        coalesce(answers.answer_count, 0) as answer_count,
        coalesce(answers.useful_answer_count, 0) as useful_answer_count,
        coalesce(answers.judged_answer_count, 0) as judged_answer_count,
        coalesce(answers.explicitly_useful_count, 0) as explicitly_useful_count,
        coalesce(answers.explicitly_judged_count, 0) as explicitly_judged_count,
        coalesce(answers.implicitly_useful_count, 0) as implicitly_useful_count,
        coalesce(answers.implicitly_judged_count, 0) as implicitly_judged_count,
        coalesce(answers.sure_and_useless_count, 0) as sure_and_useless_count,
        answers.is_last_useful,
        answers.least_confidence,
        answers.last_confidence,
        coalesce(retrievals.retrieval_count, 0) as retrieval_count,
        coalesce(retrievals.stale_retrieval_count, 0) as stale_retrieval_count,
        coalesce(retrievals.cited_answer_count, 0) as cited_answer_count,
        coalesce(tools.tool_call_count, 0) as tool_call_count,
        coalesce(tools.failed_tool_call_count, 0) as failed_tool_call_count,
        coalesce(requests.human_request_count, 0) as human_request_count,
        coalesce(requests.human_request_count > 0 and not requests.is_human_given, false) as is_human_refused,
        effort.has_useful_answer,
        effort.messages_to_useful_answer,
        coalesce(effort.rephrase_count, 0) as rephrase_count,
        coalesce(effort.clarification_count, 0) as clarification_count,
        coalesce(effort.after_answer_count, 0) as after_answer_count,
        coalesce(effort.channel_switch_count, 0) as channel_switch_count,
        effort.automated_effort_score,
        (
            not outcomes.is_escalated
            and (
                coalesce(effort.clarification_count, 0) >= {{ var('clarification_limit') }}
                or coalesce(requests.human_request_count, 0) > 0
            )
        ) as is_soft_escalation,
        coalesce(polarity.last_polarity < polarity.first_polarity and polarity.last_polarity < 0, false) as is_sentiment_falling,
        judged.is_accuracy_failed,
        coalesce(violations.policy_violation_count, 0) as policy_violation_count,
        episodes.customer_message_count,
        episodes.ai_message_count,
        episodes.human_message_count,
        episodes.handle_minutes,
        {{ minutes_between('episodes.started_at', 'episodes.first_ai_reply_at') }} as first_response_minutes,
        {{ minutes_between('episodes.started_at', 'episodes.solved_at') }} as resolution_minutes,
        episodes.started_at,
        episodes.first_human_reply_at,
        episodes.last_message_at,
        episodes.solved_at,
        episodes.reopened_at
    from outcomes
    inner join episodes
        on
            outcomes.interaction_key = episodes.interaction_key
            and outcomes.episode_number = episodes.episode_number
    left join answers
        on
            outcomes.interaction_key = answers.interaction_key
            and outcomes.episode_number = answers.episode_number
    left join retrievals
        on
            outcomes.interaction_key = retrievals.interaction_key
            and outcomes.episode_number = retrievals.episode_number
    left join tools
        on
            outcomes.interaction_key = tools.interaction_key
            and outcomes.episode_number = tools.episode_number
    left join requests
        on
            outcomes.interaction_key = requests.interaction_key
            and outcomes.episode_number = requests.episode_number
    left join effort
        on
            outcomes.interaction_key = effort.interaction_key
            and outcomes.episode_number = effort.episode_number
    left join polarity
        on
            outcomes.interaction_key = polarity.interaction_key
            and outcomes.episode_number = polarity.episode_number
    left join judged on outcomes.interaction_key = judged.interaction_key
    left join violations on outcomes.interaction_key = violations.interaction_key

)

select * from final
