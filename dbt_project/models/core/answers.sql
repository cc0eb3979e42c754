{{
    config(
        unique_key='message_key',
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key']}]
    )
}}
-- one row per public reply of an AI agent, with the confidence, intent and sources that the source states
select
    messages.message_key,
    messages.interaction_key,
    messages.agent_key,
    messages.agent_version,
    messages.intent as stated_intent,
    messages.sources,
    messages.feedback,
    messages.confidence as stated_confidence,
    messages.sent_at
from {{ ref('messages') }} as messages
inner join {{ ref('pending_interactions') }} as pending on messages.interaction_key = pending.interaction_key
where messages.actor = 'ai_agent' and not messages.is_internal and not messages.is_automation
