{{
    config(
        unique_key=['interaction_key', 'ordinal'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- depends_on: {{ ref('affected_interactions') }}
-- one row per message of a customer in an episode that an AI agent took part in: what it says of the answer before it
with

turns as (

    select * from {{ ref('affected_messages') }}
    where actor = 'customer' and has_ai_reply

),

nearest as (

    select
        later.message_key,
        max({{ word_similarity('later.words', 'earlier.words') }}) as similarity
    from {{ ref('affected_messages') }} as later
    inner join {{ ref('affected_messages') }} as earlier
        on
            later.interaction_key = earlier.interaction_key
            and later.episode_number = earlier.episode_number
            and later.ordinal > earlier.ordinal
    where
        later.actor = 'customer'
        and earlier.actor = 'customer'
        and cardinality(later.words) >= {{ var('least_words') }}
        and cardinality(earlier.words) >= {{ var('least_words') }}
    group by later.message_key

),

said as (

    select
        turns.*,
        replies.message_key as reply_before_key,
        replies.actor as reply_before_actor,
        nearest.similarity as nearest_similarity,
        (
            replies.message_key is not null
            and (
                coalesce(nearest.similarity >= {{ var('rephrase_similarity') }}, false)
                or turns.has_repeat_question
                or 'not_what_was_asked' = any(turns.markers)
            )
        ) as is_rephrase,
        -- what was written before any answer speaks of none
        (
            replies.message_key is not null and turns.markers && array['did_not_help', 'not_what_was_asked']
        ) as says_did_not_help
    from turns
    left join {{ ref('affected_messages') }} as replies
        on
            turns.interaction_key = replies.interaction_key
            and turns.episode_number = replies.episode_number
            and turns.reply_before_ordinal = replies.ordinal
    left join nearest on turns.message_key = nearest.message_key

),

final as (

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
        says_did_not_help,
        (is_rephrase or says_did_not_help) as is_clarification,
        'human_request' = any(markers) as asks_for_human,
        (has_escalation_request or 'escalation_request' = any(markers)) as asks_for_superior,
        'already_said' = any(markers) as says_already_said,
        (
            reply_before_key is not null
            and not says_did_not_help
            and markers && array['confirms_solved', 'works_now', 'praises_help']
        ) as confirms_solved,
        markers && array['gratitude', 'acknowledges'] as needs_no_reply,
        sent_at
    from said

)

select * from final
