{{
    config(
        unique_key=['interaction_key', 'message_key', 'signal_type'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per question to an AI agent and kind of sign that knowledge is missing: when the question was asked, and when the sign
-- first showed
with

questions as (

    select
        questions.*,
        interactions.source,
        interactions.instance,
        interactions.started_at,
        coalesce(lead(questions.ordinal) over (
            partition by questions.interaction_key, questions.episode_number order by questions.ordinal
        ), 2147483647) as next_ordinal
    from {{ ref('ai_questions') }} as questions
    inner join {{ ref('affected_interactions') }} as affected on questions.interaction_key = affected.interaction_key
    inner join {{ ref('interactions') }} as interactions on questions.interaction_key = interactions.interaction_key

),

answers as (

    select
        questions.interaction_key,
        questions.message_key,
        feedback.stated_confidence,
        feedback.is_thumbed_up,
        feedback.is_rated_positive,
        feedback.sent_at
    from questions
    cross join lateral unnest(questions.answer_keys) as given (answer_key)
    inner join {{ ref('answer_feedback') }} as feedback on given.answer_key = feedback.message_key

),

turns as (

    select
        questions.interaction_key,
        questions.message_key,
        turns.is_rephrase,
        turns.says_did_not_help,
        turns.sent_at
    from questions
    inner join {{ ref('clarification_turns') }} as turns
        on
            questions.interaction_key = turns.interaction_key
            and questions.episode_number = turns.episode_number
            and questions.ordinal < turns.ordinal
            and questions.next_ordinal > turns.ordinal
    where turns.is_clarification and turns.reply_before_actor = 'ai_agent'

),

-- a handoff is about the last question before it
handed_over as (

    select distinct on (questions.interaction_key, questions.episode_number)
        questions.interaction_key,
        questions.episode_number,
        questions.message_key,
        questions.source,
        questions.instance,
        questions.started_at,
        handoffs.reason,
        handoffs.necessity,
        handoffs.human_reply_count,
        handoffs.handed_off_at,
        handoffs.taken_over_at
    from questions
    inner join {{ ref('ai_handoffs') }} as handoffs
        on
            questions.interaction_key = handoffs.interaction_key
            and questions.episode_number = handoffs.episode_number
            and questions.asked_at <= handoffs.handed_off_at
    order by questions.interaction_key asc, questions.episode_number asc, questions.ordinal desc

),

-- the longest reply of a person says what the AI agent did not
replies as (

    select distinct on (handed_over.interaction_key, handed_over.episode_number)
        handed_over.interaction_key,
        handed_over.message_key,
        handed_over.source,
        handed_over.instance,
        {{ word_set('messages.text') }} as words,
        messages.sent_at
    from handed_over
    inner join {{ ref('episodes') }} as episodes
        on
            handed_over.interaction_key = episodes.interaction_key
            and handed_over.episode_number = episodes.episode_number
    inner join {{ ref('messages') }} as messages
        on
            handed_over.started_at = messages.interaction_started_at
            and handed_over.interaction_key = messages.interaction_key
            and messages.ordinal between episodes.first_ordinal and episodes.last_ordinal
            and handed_over.taken_over_at <= messages.sent_at
    where
        handed_over.necessity = 'needed'
        and messages.actor = 'human_agent'
        and not messages.is_internal
        and not messages.is_automation
    order by
        handed_over.interaction_key asc, handed_over.episode_number asc, length(messages.text) desc, messages.ordinal asc

),

reply_words as (

    select
        replies.interaction_key,
        replies.message_key,
        replies.source,
        replies.instance,
        replies.sent_at,
        terms.word,
        count(*) over (partition by replies.interaction_key, replies.message_key) as word_count
    from replies
    cross join lateral unnest(replies.words) as terms (word)
    where length(terms.word) >= {{ var('term_letters') }}

),

-- an article that holds enough of a reply's words says the same; those without a word in common are never looked at
covered as (

    select
        reply_words.interaction_key,
        reply_words.message_key,
        reply_words.word_count,
        held.article_key,
        count(*) as shared_count
    from reply_words
    cross join
        lateral (
            select terms.article_key
            from {{ ref('article_terms') }} as terms
            where
                terms.source = reply_words.source
                and terms.instance = reply_words.instance
                and terms.word = reply_words.word
                and terms.valid_from <= reply_words.sent_at
                and (terms.valid_to is null or terms.valid_to > reply_words.sent_at)
        ) as held
    group by reply_words.interaction_key, reply_words.message_key, reply_words.word_count, held.article_key

),

written as (

    select distinct
        interaction_key,
        message_key
    from covered
    where shared_count >= {{ var('gap_article_containment') }} * word_count

),

-- where no knowledge base is known, nothing can be missing from it
libraries as (

    select distinct
        source,
        instance
    from {{ ref('article_terms') }}

),

unwritten as (

    select
        reply_words.interaction_key,
        reply_words.message_key,
        min(reply_words.sent_at) as sent_at
    from reply_words
    inner join libraries on reply_words.source = libraries.source and reply_words.instance = libraries.instance
    left join written
        on
            reply_words.interaction_key = written.interaction_key
            and reply_words.message_key = written.message_key
    where reply_words.word_count >= {{ var('least_words') }} and written.message_key is null
    group by reply_words.interaction_key, reply_words.message_key

),

found as (

    select
        interaction_key,
        message_key,
        'low_confidence' as signal_type,
        sent_at as signalled_at
    from answers
    where stated_confidence < {{ var('escalation_confidence') }}

    union all

    select
        interaction_key,
        message_key,
        'unhelpful_answer' as signal_type,
        sent_at as signalled_at
    from answers
    where not coalesce(is_thumbed_up, is_rated_positive)

    union all

    select
        interaction_key,
        message_key,
        'unhelpful_answer' as signal_type,
        sent_at as signalled_at
    from turns
    where says_did_not_help

    union all

    select
        interaction_key,
        message_key,
        'repeated_question' as signal_type,
        sent_at as signalled_at
    from turns
    where is_rephrase

    union all

    select
        interaction_key,
        message_key,
        'no_article_found' as signal_type,
        asked_at as signalled_at
    from questions
    where is_retrieval_stated and retrieval_count = 0

    union all

    select
        interaction_key,
        message_key,
        'rejected_source' as signal_type,
        asked_at as signalled_at
    from questions
    where best_relevance < {{ var('gap_least_relevance') }}

    union all

    select
        interaction_key,
        message_key,
        'escalation_missing_knowledge' as signal_type,
        handed_off_at as signalled_at
    from handed_over
    where reason = 'missing_knowledge'

    union all

    select
        interaction_key,
        message_key,
        'human_answer_without_article' as signal_type,
        sent_at as signalled_at
    from unwritten

),

signals as (

    select
        interaction_key,
        message_key,
        signal_type,
        min(signalled_at) as signalled_at
    from found
    group by interaction_key, message_key, signal_type

),

final as (

    select
        signals.interaction_key,
        signals.message_key,
        signals.signal_type,
        questions.topic,
        questions.agent_version,
        questions.article_keys,
        questions.episode_number,
        questions.interaction_date,
        questions.asked_at,
        signals.signalled_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from signals
    inner join questions
        on
            signals.interaction_key = questions.interaction_key
            and signals.message_key = questions.message_key

)

select * from final
