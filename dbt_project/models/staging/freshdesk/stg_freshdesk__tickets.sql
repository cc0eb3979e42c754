-- one row per ticket: renamed and cast, nothing else
{% set casts = {'created_at': 'timestamptz'} %}

select
    'freshdesk' as source,
    instance,
    id as ticket_id,
    {{ json_text('payload', 'requester_id') }} as requester_id,
    {{ json_text('payload', 'responder_id') }} as responder_id,
    {{ json_text('payload', 'company_id') }} as company_id,
    {{ json_text('payload', 'group_id') }} as group_id,
    {{ json_text('payload', 'status') }} as status,
    {{ json_text('payload', 'priority') }} as priority,
    {{ json_text('payload', 'source') }} as source_code,
    coalesce(
        {{ json_text('payload', 'description_text') }},
        regexp_replace({{ json_text('payload', 'description') }}, '<[^>]*>', ' ', 'g')
    ) as description,
    {{ json_value('payload', 'tags') }} as tags,
    {{ json_value('payload', 'custom_fields') }} as custom_fields,
    coalesce({{ try_cast('payload', 'spam', 'boolean') }}, false) as is_spam,
    coalesce({{ try_cast('payload', 'deleted', 'boolean') }}, false) as is_deleted,
    coalesce({{ try_cast('payload', 'isDeletedForGood', 'boolean') }}, false) as is_deleted_for_good,
    {{ try_cast('payload', 'deleted_found_at', 'timestamptz') }} as deleted_found_at,
    {{ try_cast("payload -> 'stats'", 'agent_responded_at', 'timestamptz') }} as agent_responded_at,
    {{ try_cast("payload -> 'stats'", 'resolved_at', 'timestamptz') }} as resolved_at,
    {{ try_cast("payload -> 'stats'", 'closed_at', 'timestamptz') }} as closed_at,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_freshdesk', 'tickets') }}
