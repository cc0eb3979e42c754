{{
    config(
        unique_key=['gap_id', 'example_number'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per example question of a knowledge gap, with the redacted words; for those who close gaps, never for BI
with

examples as (

    select
        gaps.gap_id,
        keys.message_key,
        keys.example_number::int as example_number
    from {{ ref('fct_knowledge_gaps') }} as gaps
    cross join
        lateral unnest(string_to_array(nullif(gaps.example_message_keys, ''), ' ')) with ordinality as keys (message_key, example_number)

),

final as (

    select
        examples.gap_id,
        examples.message_key,
        questions.interaction_key,
        messages.text as question_text,
        interactions.topic,
        interactions.channel,
        interactions.language,
        examples.example_number,
        questions.asked_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from examples
    inner join {{ ref('stg_derived__gap_questions') }} as questions on examples.message_key = questions.message_key
    inner join {{ ref('interactions') }} as interactions on questions.interaction_key = interactions.interaction_key
    inner join {{ ref('messages') }} as messages
        on
            interactions.started_at = messages.interaction_started_at
            and examples.message_key = messages.message_key

)

select * from final
