-- one row per row of a table of messages: renamed and cast, nothing else
{% set casts = {'sent_at': 'timestamptz', 'confidence': 'numeric', 'is_internal': 'boolean', 'position': 'numeric'} %}

select
    'sql' as source,
    instance,
    id as row_id,
    interaction_id,
    {{ json_text('payload', 'message_id') }} as message_id,
    {{ json_text('payload', 'actor') }} as actor,
    {{ json_text('payload', 'actor_id') }} as actor_id,
    {{ json_text('payload', 'actor_name') }} as actor_name,
    {{ json_text('payload', 'agent_version') }} as agent_version,
    {{ json_text('payload', 'team') }} as team,
    {{ json_text('payload', 'text') }} as text,
    {{ json_text('payload', 'intent') }} as intent,
    {{ json_value('payload', 'sources') }} as sources,
    {{ json_value('payload', 'tool_calls') }} as tool_calls,
    {{ json_value('payload', 'feedback') }} as feedback,
    {{ json_value('payload', 'attributes') }} as attributes,
    coalesce({{ json_value('payload', 'conversation') }}, '{}') as conversation,
    {{ json_text('payload', 'refused') }} as refused_code,
    {{ try_cast('payload', 'position', 'numeric') }}::bigint as position,
    {{ try_cast('payload', 'confidence', 'numeric') }} as confidence,
    coalesce({{ try_cast('payload', 'is_internal', 'boolean') }}, false) as is_internal,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'sent_at', 'timestamptz') }} as sent_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_sql', 'messages') }}
