{{
    config(
        unique_key='message_key',
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key']}]
    )
}}
-- one row per public reply of an AI agent, with the confidence, intent, sources and cost that the source states
select
    messages.message_key,
    messages.interaction_key,
    messages.agent_key,
    messages.agent_version,
    messages.intent as stated_intent,
    messages.sources,
    messages.feedback,
    messages.confidence as stated_confidence,
    {{ try_cast('stated.attributes', 'cost_usd', 'numeric') }} as stated_cost_usd,
    messages.sent_at
from {{ ref('messages') }} as messages
inner join {{ ref('pending_interactions') }} as pending on messages.interaction_key = pending.interaction_key
left join {{ ref('int_messages__unioned') }} as stated on messages.message_key = stated.message_key
where messages.actor = 'ai_agent' and not messages.is_internal and not messages.is_automation
