-- one row per conversation thread: renamed and cast, nothing else
select
    'hubspot' as source,
    instance,
    id as thread_id,
    interaction_id as ticket_id,
    {{ json_text('payload', 'associatedContactId') }} as contact_id,
    {{ json_text('payload', 'status') }} as status,
    {{ json_text('payload', 'originalChannelId') }} as channel_id,
    {{ try_cast('payload', 'createdAt', 'moment') }} as created_at,
    {{ try_cast('payload', 'closedAt', 'moment') }} as closed_at,
    _load_id
from {{ source('raw_hubspot', 'threads') }}
