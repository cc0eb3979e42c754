-- one row per message of the AI agents' export, which a ticket's comment answers to: renamed and cast, nothing else
select
    'zendesk' as source,
    conversations.instance,
    conversations.interaction_id as ticket_id,
    {{ json_text('elements.message', 'messageId') }} as comment_id,
    {{ json_text('elements.message', 'sender') }} as sender,
    {{ json_text('conversations.payload', 'botVersion') }} as bot_version,
    {{ json_text('elements.message', 'intent') }} as intent,
    {{ json_value('elements.message', 'knowledgeSources') }} as knowledge_sources,
    {{ json_value('elements.message', 'actions') }} as actions,
    {{ try_cast('elements.message', 'confidence', 'numeric') }} as confidence,
    conversations._load_id
from {{ source('raw_zendesk', 'ai_conversations') }} as conversations
cross join lateral {{ json_elements("conversations.payload -> 'messages'") }} as elements (message)
