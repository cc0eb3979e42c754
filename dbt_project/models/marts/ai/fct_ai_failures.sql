{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per episode that an AI agent did not resolve: the class of the failure, the first match wins, and what it saw, retrieved,
-- decided and did; ids and names of articles and tools, no text
with

failed as (

    select episodes.*
    from {{ ref('fct_ai_episodes') }} as episodes
    inner join {{ ref('affected_interactions') }} as affected on episodes.interaction_key = affected.interaction_key
    where episodes.outcome in ('escalated', 'returned', 'abandoned')

),

signals as (

    select * from {{ ref('ai_episodes') }}

),

handoffs as (

    select * from {{ ref('fct_handoffs') }}

),

questions as (

    select distinct on (turns.interaction_key, turns.episode_number)
        turns.interaction_key,
        turns.episode_number,
        turns.message_key
    from {{ ref('clarification_turns') }} as turns
    inner join failed
        on
            turns.interaction_key = failed.interaction_key
            and turns.episode_number = failed.episode_number
    order by turns.interaction_key asc, turns.episode_number asc, turns.ordinal asc

),

answers as (

    select
        answers.interaction_key,
        answers.episode_number,
        answers.message_key
    from {{ ref('fct_ai_answers') }} as answers
    inner join failed
        on
            answers.interaction_key = failed.interaction_key
            and answers.episode_number = failed.episode_number

),

retrieved as (

    select
        answers.interaction_key,
        answers.episode_number,
        string_agg(distinct retrievals.article_key, ' ' order by retrievals.article_key) as article_keys
    from answers
    inner join {{ ref('article_retrievals') }} as retrievals on answers.message_key = retrievals.message_key
    group by answers.interaction_key, answers.episode_number

),

called as (

    select
        answers.interaction_key,
        answers.episode_number,
        string_agg(distinct tool_calls.tool_name || ':' || tool_calls.status, ' ' order by tool_calls.tool_name || ':' || tool_calls.status)
            as tools
    from answers
    inner join {{ ref('tool_calls') }} as tool_calls on answers.message_key = tool_calls.message_key
    group by answers.interaction_key, answers.episode_number

),

final as (

    select
        failed.interaction_key,
        failed.agent_key,
        failed.agent_version,
        failed.topic,
        failed.channel,
        failed.outcome,
        case
            when failed.failed_tool_call_count > 0 then 'tool'
            when failed.retrieval_count = 0 or failed.stale_retrieval_count > 0 then 'knowledge'
            when coalesce(handoffs.is_misrouted, false) or handoffs.timing = 'late' or failed.is_missed_escalation then 'workflow'
            when coalesce(signals.is_accuracy_failed, false) or signals.is_unhelpful_stated or failed.is_confidently_wrong
                then 'reasoning'
            else 'communication'
        end as failure_class,
        questions.message_key as saw_message_key,
        retrieved.article_keys as retrieved_article_keys,
        failed.stated_intent as decided_intent,
        called.tools as did_tools,
        handoffs.reason as did_handoff_reason,
        failed.episode_number,
        failed.answer_count as did_answer_count,
        failed.retrieval_count,
        failed.stale_retrieval_count,
        failed.last_confidence as decided_confidence,
        failed.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from failed
    inner join signals
        on
            failed.interaction_key = signals.interaction_key
            and failed.episode_number = signals.episode_number
    left join handoffs
        on
            failed.interaction_key = handoffs.interaction_key
            and failed.episode_number = handoffs.episode_number
    left join questions
        on
            failed.interaction_key = questions.interaction_key
            and failed.episode_number = questions.episode_number
    left join retrieved
        on
            failed.interaction_key = retrieved.interaction_key
            and failed.episode_number = retrieved.episode_number
    left join called
        on
            failed.interaction_key = called.interaction_key
            and failed.episode_number = called.episode_number

)

select * from final
