-- one row per conversation of the AI agents' export: renamed and cast, nothing else
select
    'zendesk' as source,
    instance,
    id as ai_conversation_id,
    interaction_id as ticket_id,
    {{ json_text('payload', 'botId') }} as bot_id,
    {{ json_text('payload', 'botName') }} as bot_name,
    {{ json_text('payload', 'botVersion') }} as bot_version,
    {{ json_text('payload', 'resolutionState') }} as resolution_state,
    {{ json_text('payload', 'escalationReason') }} as escalation_reason,
    {{ json_value('payload', 'messages') }} as messages,
    {{ try_cast('payload', 'escalated', 'boolean') }} as is_escalated,
    {{ try_cast('payload', 'escalatedAt', 'timestamptz') }} as escalated_at,
    _load_id
from {{ source('raw_zendesk', 'ai_conversations') }}
