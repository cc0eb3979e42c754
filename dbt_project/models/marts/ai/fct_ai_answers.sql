{{
    config(
        unique_key='message_key',
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key']}, {'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per AI answer: how sure it was, whether it was useful, and where that is known from; no text
with

retrievals as (

    select
        retrievals.message_key,
        count(*)::int as retrieval_count,
        count(*) filter (where retrievals.is_stale)::int as stale_retrieval_count
    from {{ ref('article_retrievals') }} as retrievals
    inner join {{ ref('affected_interactions') }} as affected on retrievals.interaction_key = affected.interaction_key
    group by retrievals.message_key

),

final as (

    select
        feedback.message_key,
        feedback.interaction_key,
        feedback.agent_key,
        feedback.agent_version,
        interactions.channel,
        interactions.topic,
        interactions.language,
        feedback.stated_intent,
        feedback.useful_source,
        feedback.episode_number,
        feedback.answer_number,
        coalesce(retrievals.retrieval_count, 0) as retrieval_count,
        coalesce(retrievals.stale_retrieval_count, 0) as stale_retrieval_count,
        feedback.stated_confidence,
        feedback.is_useful,
        feedback.is_explicitly_useful,
        feedback.is_implicitly_useful,
        feedback.is_followed_by_rephrase,
        feedback.is_stated_unhelpful,
        feedback.is_escalated_at_once,
        feedback.is_target_action_done,
        interactions.interaction_date,
        feedback.sent_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from {{ ref('answer_feedback') }} as feedback
    inner join {{ ref('affected_interactions') }} as affected on feedback.interaction_key = affected.interaction_key
    inner join {{ ref('interactions') }} as interactions on feedback.interaction_key = interactions.interaction_key
    left join retrievals on feedback.message_key = retrievals.message_key

)

select * from final
