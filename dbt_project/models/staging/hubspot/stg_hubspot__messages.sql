-- one row per entry of a thread (messages, notes, assignments, changes of status): renamed and cast, nothing else
{% set casts = {'createdAt': 'moment'} %}

select
    'hubspot' as source,
    instance,
    interaction_id as ticket_id,
    {{ json_text('payload', 'conversationsThreadId') }} as thread_id,
    {{ json_text('payload', 'id') }} as message_id,
    {{ json_text('payload', 'type') }} as entry_type,
    {{ json_text('payload', 'direction') }} as direction,
    {{ json_text('payload', 'createdBy') }} as created_by,
    {{ json_text("payload -> 'senders' -> 0", 'actorId') }} as sender_id,
    {{ json_text("payload -> 'senders' -> 0", 'name') }} as sender_name,
    {{ json_text("payload -> 'client'", 'clientType') }} as client_type,
    {{ json_text('payload', 'assignedTo') }} as assigned_to,
    {{ json_text('payload', 'newStatus') }} as new_status,
    {{ json_text('payload', 'truncationStatus') }} as truncation_status,
    coalesce(
        {{ json_text('payload', 'text') }}, regexp_replace({{ json_text('payload', 'richText') }}, '<[^>]*>', ' ', 'g')
    ) as text,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'createdAt', 'moment') }} as sent_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_hubspot', 'messages') }}
