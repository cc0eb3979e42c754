{{
    config(
        unique_key=['message_key', 'signal_type'],
        scope='stg_derived__gap_scope',
        scope_columns=['interaction_key'],
        indexes=[
            {'columns': ['interaction_key']},
            {'columns': ['gap_id', 'interaction_date']},
            {'columns': ['interaction_date']},
            {'columns': ['_ledger_id']},
        ]
    )
}}
-- one row per question to an AI agent and kind of sign that knowledge is missing, with the gap it belongs to; no text
with

signals as (

    select signals.*
    from {{ ref('gap_signals') }} as signals
    inner join {{ ref('stg_derived__gap_scope') }} as scope on signals.interaction_key = scope.interaction_key

),

final as (

    select
        signals.message_key,
        signals.interaction_key,
        signals.signal_type,
        questions.gap_id,
        interactions.customer_key,
        interactions.account_key,
        signals.topic,
        interactions.channel,
        interactions.product_area,
        interactions.tier,
        interactions.language,
        signals.agent_version,
        array_to_string(signals.article_keys, ' ') as article_keys,
        signals.episode_number,
        signals.interaction_date,
        signals.asked_at,
        signals.signalled_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from signals
    inner join {{ ref('interactions') }} as interactions on signals.interaction_key = interactions.interaction_key
    left join {{ ref('stg_derived__gap_questions') }} as questions on signals.message_key = questions.message_key

)

select * from final
