-- one row per reply or note of a ticket: renamed and cast, nothing else
{% set casts = {'created_at': 'timestamptz', 'private': 'boolean', 'incoming': 'boolean'} %}

select
    'freshdesk' as source,
    instance,
    interaction_id as ticket_id,
    id as conversation_id,
    {{ json_text('payload', 'user_id') }} as user_id,
    {{ json_text('payload', 'source') }} as source_code,
    coalesce(
        {{ json_text('payload', 'body_text') }},
        regexp_replace({{ json_text('payload', 'body') }}, '<[^>]*>', ' ', 'g')
    ) as text,
    {{ try_cast('payload', 'id', 'bigint') }} as position,
    {{ try_cast('payload', 'incoming', 'boolean') }} as is_incoming,
    {{ try_cast('payload', 'private', 'boolean') }} as is_private,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_freshdesk', 'conversations') }}
