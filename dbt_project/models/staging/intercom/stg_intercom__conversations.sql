-- one row per conversation, with the message that began it: renamed and cast, nothing else
{% set casts = {'created_at': 'epoch'} %}

select
    'intercom' as source,
    instance,
    id as conversation_id,
    {{ json_text("payload -> 'contacts' -> 'contacts' -> 0", 'id') }} as contact_id,
    {{ json_text("payload -> 'company'", 'id') }} as company_id,
    {{ json_text("payload -> 'source'", 'id') }} as source_id,
    {{ json_text("payload -> 'source' -> 'author'", 'id') }} as author_id,
    {{ json_text("payload -> 'source' -> 'author'", 'type') }} as author_type,
    {{ json_text("payload -> 'source' -> 'author'", 'name') }} as author_name,
    {{ json_text("payload -> 'source'", 'type') }} as source_type,
    {{ json_text("payload -> 'source'", 'delivered_as') }} as delivered_as,
    {{ json_text("payload -> 'source'", 'body') }} as text,
    {{ json_text('payload', 'state') }} as state,
    {{ json_text('payload', 'priority') }} as priority,
    jsonb_path_query_array({{ json_value('payload', 'tags') }}, '$.tags[*].name') as tags,
    {{ json_value('payload', 'custom_attributes') }} as custom_attributes,
    {{ try_cast("payload -> 'conversation_rating'", 'rating', 'numeric') }} as rating,
    coalesce(
        {{ try_cast("payload -> 'statistics'", 'count_conversation_parts', 'bigint') }},
        {{ try_cast("payload -> 'conversation_parts'", 'total_count', 'bigint') }}
    ) as part_count,
    (
        coalesce({{ try_cast("payload -> 'source' -> 'author'", 'from_ai_agent', 'boolean') }}, false)
        or coalesce({{ try_cast("payload -> 'source' -> 'author'", 'is_ai_answer', 'boolean') }}, false)
    ) as is_by_fin,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'archived_at', 'epoch') }} as archived_at,
    {{ try_cast('payload', 'created_at', 'epoch') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'epoch') }} as updated_at,
    {{ try_cast("payload -> 'statistics'", 'last_close_at', 'epoch') }} as last_close_at,
    coalesce(
        {{ try_cast("payload -> 'conversation_rating'", 'updated_at', 'epoch') }},
        {{ try_cast("payload -> 'conversation_rating'", 'created_at', 'epoch') }}
    ) as rated_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_intercom', 'conversations') }}
