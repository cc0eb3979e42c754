-- one row per part of a conversation, said or done: renamed and cast, nothing else
{% set casts = {'created_at': 'epoch'} %}

select
    'intercom' as source,
    instance,
    interaction_id as conversation_id,
    {{ json_text('payload', 'id') }} as part_id,
    {{ json_text("payload -> 'author'", 'id') }} as author_id,
    {{ json_text("payload -> 'author'", 'type') }} as author_type,
    {{ json_text("payload -> 'author'", 'name') }} as author_name,
    {{ json_text("payload -> 'assigned_to'", 'id') }} as assigned_id,
    {{ json_text("payload -> 'assigned_to'", 'type') }} as assigned_type,
    {{ json_text('payload', 'part_type') }} as part_type,
    {{ json_text('payload', 'body') }} as text,
    {{ json_text("payload -> 'event_details' -> 'attribute'", 'name') }} as attribute_name,
    {{ json_text("payload -> 'event_details' -> 'value'", 'name') }} as attribute_value,
    {{ try_cast('payload', 'id', 'bigint') }} as position,
    (
        coalesce({{ try_cast("payload -> 'author'", 'from_ai_agent', 'boolean') }}, false)
        or coalesce({{ try_cast("payload -> 'author'", 'is_ai_answer', 'boolean') }}, false)
    ) as is_by_fin,
    coalesce({{ try_cast("payload -> 'author'", 'is_ai_answer', 'boolean') }}, false) as is_ai_answer,
    coalesce({{ try_cast('payload', 'redacted', 'boolean') }}, false) as is_redacted,
    {{ try_cast('payload', 'created_at', 'epoch') }} as created_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_intercom', 'conversation_parts') }}
