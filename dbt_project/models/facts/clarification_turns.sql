{{
    config(
        unique_key=['interaction_key', 'ordinal'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per message of a customer in an episode that an AI agent took part in: what it says of the answer before it
with

episodes as (

    select episodes.*
    from {{ ref('episodes') }} as episodes
    inner join {{ ref('affected_interactions') }} as affected on episodes.interaction_key = affected.interaction_key
    where episodes.ai_message_count > 0

),

spoken as (

    select
        messages.interaction_key,
        episodes.episode_number,
        messages.message_key,
        messages.ordinal,
        messages.actor,
        messages.text,
        messages.sent_at,
        interactions.started_at,
        interactions.input_hash,
        max(messages.ordinal) filter (where messages.actor <> 'customer') over before_it as reply_before_ordinal
    from episodes
    inner join {{ ref('interactions') }} as interactions on episodes.interaction_key = interactions.interaction_key
    inner join {{ ref('messages') }} as messages
        on
            interactions.interaction_key = messages.interaction_key
            and interactions.started_at = messages.interaction_started_at
            and messages.ordinal between episodes.first_ordinal and episodes.last_ordinal
    where not messages.is_internal and not messages.is_automation
    window before_it as (
        partition by messages.interaction_key, episodes.episode_number
        order by messages.ordinal rows between unbounded preceding and 1 preceding
    )

),

said as (

    select
        spoken.*,
        {{ word_set("regexp_replace(spoken.text, '(^|\n)>[^\n]*', '', 'g')") }} as words,
        -- mail quotes what it answers
        (regexp_replace(spoken.text, '(^|\n)>[^\n]*', '', 'g') like '%?%') as has_question,
        replies.message_key as reply_before_key,
        replies.actor as reply_before_actor
    from spoken
    left join spoken as replies
        on
            spoken.interaction_key = replies.interaction_key
            and spoken.reply_before_ordinal = replies.ordinal
    where spoken.actor = 'customer'

),

compared as (

    select
        said.*,
        nearest.similarity
    from said
    left join
        lateral (
            select max({{ word_similarity('said.words', 'earlier.words') }}) as similarity
            from said as earlier
            where
                earlier.interaction_key = said.interaction_key
                and earlier.episode_number = said.episode_number
                and earlier.ordinal < said.ordinal
                and cardinality(earlier.words) >= {{ var('least_words') }}
                and cardinality(said.words) >= {{ var('least_words') }}
        ) as nearest
        on true

),

final as (

    select
        compared.interaction_key,
        compared.episode_number,
        compared.ordinal,
        compared.message_key,
        compared.reply_before_key,
        compared.reply_before_actor,
        compared.similarity as nearest_similarity,
        message_scores.polarity,
        compared.has_question,
        (
            compared.reply_before_ordinal is not null
            and (
                coalesce(compared.similarity >= {{ var('rephrase_similarity') }}, false)
                or coalesce(message_scores.has_repeat_question, false)
                or {{ has_marker('message_scores', 'not_what_was_asked') }}
            )
        ) as is_rephrase,
        (
            {{ has_marker('message_scores', 'did_not_help') }}
            or {{ has_marker('message_scores', 'not_what_was_asked') }}
        ) as says_did_not_help,
        {{ has_marker('message_scores', 'human_request') }} as asks_for_human,
        (
            {{ has_marker('message_scores', 'escalation_request') }}
            or coalesce(message_scores.has_escalation_request, false)
        ) as asks_for_superior,
        {{ has_marker('message_scores', 'already_said') }} as says_already_said,
        (
            {{ has_marker('message_scores', 'confirms_solved') }}
            or {{ has_marker('message_scores', 'works_now') }}
            or {{ has_marker('message_scores', 'praises_help') }}
        ) as confirms_solved,
        ({{ has_marker('message_scores', 'gratitude') }} or {{ has_marker('message_scores', 'acknowledges') }}) as needs_no_reply,
        compared.sent_at
    from compared
    left join {{ ref('stg_scores__message_scores') }} as message_scores
        on
            compared.started_at = message_scores.interaction_started_at
            and compared.interaction_key = message_scores.interaction_key
            and compared.input_hash = message_scores.input_hash
            and compared.message_key = message_scores.message_key

)

-- what was written before any answer speaks of none
select
    interaction_key,
    episode_number,
    ordinal,
    message_key,
    reply_before_key,
    reply_before_actor,
    nearest_similarity,
    polarity,
    has_question,
    is_rephrase,
    (says_did_not_help and reply_before_actor is not null) as says_did_not_help,
    (is_rephrase or (says_did_not_help and reply_before_actor is not null)) as is_clarification,
    asks_for_human,
    asks_for_superior,
    says_already_said,
    (confirms_solved and not says_did_not_help and reply_before_actor is not null) as confirms_solved,
    needs_no_reply,
    sent_at
from final
