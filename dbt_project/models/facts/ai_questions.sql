{{
    config(
        unique_key=['interaction_key', 'message_key'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per question that a customer put to an AI agent, with what its answers retrieved. A question is the first message of an
-- episode, or a later one that asks; rewording, complaints about the answer and calls for a person belong to the question before them
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('affected_interactions') }} as affected on interactions.interaction_key = affected.interaction_key
    where interactions.excluded_reason is null or interactions.excluded_reason not in ('deleted', 'merged', 'spam_or_test')

),

turns as (

    select
        turns.interaction_key,
        turns.episode_number,
        turns.ordinal,
        turns.message_key,
        turns.sent_at,
        (
            turns.ordinal = min(turns.ordinal) over (partition by turns.interaction_key, turns.episode_number)
            or (
                turns.has_question
                and not turns.is_clarification
                and not turns.asks_for_human
                and not turns.asks_for_superior
                and not turns.confirms_solved
            )
        ) as is_question
    from {{ ref('clarification_turns') }} as turns
    inner join interactions on turns.interaction_key = interactions.interaction_key

),

answers as (

    select
        feedback.interaction_key,
        feedback.episode_number,
        messages.ordinal,
        feedback.message_key,
        feedback.agent_version,
        feedback.stated_confidence,
        stated.sources
    from {{ ref('answer_feedback') }} as feedback
    inner join interactions on feedback.interaction_key = interactions.interaction_key
    inner join {{ ref('messages') }} as messages
        on
            interactions.started_at = messages.interaction_started_at
            and feedback.message_key = messages.message_key
    inner join {{ ref('answers') }} as stated on feedback.message_key = stated.message_key

),

spoken as (

    select
        interaction_key,
        episode_number,
        ordinal,
        message_key as question_key,
        null as answer_key,
        null as agent_version,
        null::double precision as stated_confidence,
        null::jsonb as sources,
        sent_at as asked_at
    from turns
    where is_question

    union all

    select
        interaction_key,
        episode_number,
        ordinal,
        null as question_key,
        message_key as answer_key,
        agent_version,
        stated_confidence,
        sources,
        null as asked_at
    from answers

),

numbered as (

    select
        *,
        (count(question_key) over (partition by interaction_key, episode_number order by ordinal))::int as question_number
    from spoken

),

retrieved as (

    select
        numbered.interaction_key,
        numbered.episode_number,
        numbered.question_number,
        array_agg(distinct retrievals.article_key order by retrievals.article_key) as article_keys,
        array_agg(
            distinct retrievals.article_key || '@' || retrievals.version_number
            order by retrievals.article_key || '@' || retrievals.version_number
        ) filter (where retrievals.version_number is not null) as article_versions,
        count(*)::int as retrieval_count,
        (count(*) filter (where retrievals.is_stale))::int as stale_retrieval_count,
        max(retrievals.relevance) as best_relevance
    from numbered
    inner join {{ ref('article_retrievals') }} as retrievals on numbered.answer_key = retrievals.message_key
    group by numbered.interaction_key, numbered.episode_number, numbered.question_number

),

asked as (

    select
        interaction_key,
        episode_number,
        question_number,
        min(question_key) as message_key,
        min(ordinal) filter (where question_key is not null) as ordinal,
        (array_agg(agent_version order by ordinal desc) filter (where answer_key is not null))[1] as agent_version,
        coalesce(array_agg(answer_key order by ordinal) filter (where answer_key is not null), '{}') as answer_keys,
        count(answer_key)::int as answer_count,
        min(stated_confidence) as least_confidence,
        coalesce(bool_or(jsonb_typeof(sources) = 'array'), false) as is_retrieval_stated,
        min(asked_at) as asked_at
    from numbered
    group by interaction_key, episode_number, question_number

),

final as (

    select
        asked.interaction_key,
        asked.message_key,
        interactions.topic,
        asked.agent_version,
        outcomes.outcome,
        asked.answer_keys,
        coalesce(retrieved.article_keys, '{}') as article_keys,
        coalesce(retrieved.article_versions, '{}') as article_versions,
        asked.episode_number,
        asked.question_number,
        asked.ordinal,
        asked.answer_count,
        coalesce(retrieved.retrieval_count, 0) as retrieval_count,
        coalesce(retrieved.stale_retrieval_count, 0) as stale_retrieval_count,
        asked.least_confidence,
        retrieved.best_relevance,
        asked.is_retrieval_stated,
        interactions.interaction_date,
        asked.asked_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from asked
    inner join interactions on asked.interaction_key = interactions.interaction_key
    left join {{ ref('outcomes') }} as outcomes
        on
            asked.interaction_key = outcomes.interaction_key
            and asked.episode_number = outcomes.episode_number
    left join retrieved
        on
            asked.interaction_key = retrieved.interaction_key
            and asked.episode_number = retrieved.episode_number
            and asked.question_number = retrieved.question_number
    where asked.message_key is not null and asked.answer_count > 0

)

select * from final
