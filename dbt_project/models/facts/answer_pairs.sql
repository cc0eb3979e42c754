{{
    config(
        unique_key=['message_key', 'other_message_key'],
        scope='affected_question_weeks',
        scope_columns=['week_start'],
        indexes=[{'columns': ['week_start']}]
    )
}}
-- one row per question to an AI agent and similar question before it, of another conversation of the same week, that the same version
-- answered from the same versions of articles: what consistency is the share of. message_key is that of the question
with

weeks as (

    select * from {{ ref('affected_question_weeks') }}

),

-- worked out before messages are looked up: joined at once, all messages would be read
questions as materialized (

    select
        questions.*,
        weeks.week_start,
        interactions.language,
        interactions.started_at
    from weeks
    inner join {{ ref('ai_questions') }} as questions
        on questions.interaction_date between weeks.week_start and weeks.week_start + 6
    inner join {{ ref('interactions') }} as interactions on questions.interaction_key = interactions.interaction_key
    where cardinality(questions.article_versions) > 0

),

asked as materialized (

    select
        questions.*,
        {{ word_set('messages.text') }} as words
    from questions
    inner join {{ ref('messages') }} as messages
        on
            questions.started_at = messages.interaction_started_at
            and questions.message_key = messages.message_key

),

-- each question beside those before it: a window reads the week once, where a join with itself would read it per question
preceded as (

    select
        *,
        array_agg(message_key) over preceding as earlier_keys,
        array_agg(array_to_string(words, ' ')) over preceding as earlier_words
    from asked
    window preceding as (
        partition by week_start, agent_version, language, article_versions
        order by asked_at, message_key
        rows between {{ var('consistency_questions') }} preceding and 1 preceding
    )

),

compared as (

    select
        preceded.message_key,
        earlier.message_key as other_message_key,
        preceded.week_start,
        {{ word_similarity('preceded.words', "string_to_array(earlier.words, ' ')") }} as similarity
    from preceded
    cross join lateral unnest(preceded.earlier_keys, preceded.earlier_words) as earlier (message_key, words)

),

final as (

    select
        compared.message_key,
        compared.other_message_key,
        questions.interaction_key,
        others.interaction_key as other_interaction_key,
        questions.agent_version,
        questions.topic,
        questions.language,
        questions.answer_keys,
        others.answer_keys as other_answer_keys,
        questions.article_versions,
        compared.similarity,
        questions.interaction_date,
        compared.week_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from compared
    inner join questions on compared.message_key = questions.message_key
    inner join questions as others on compared.other_message_key = others.message_key
    where
        compared.similarity >= {{ var('rephrase_similarity') }}
        and questions.interaction_key <> others.interaction_key
)

select * from final
