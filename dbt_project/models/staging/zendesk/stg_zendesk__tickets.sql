-- one row per ticket: renamed and cast, nothing else
{% set casts = {'created_at': 'timestamptz'} %}

select
    'zendesk' as source,
    instance,
    id as ticket_id,
    {{ json_text('payload', 'requester_id') }} as requester_id,
    {{ json_text('payload', 'assignee_id') }} as assignee_id,
    {{ json_text('payload', 'organization_id') }} as organization_id,
    {{ json_text('payload', 'group_id') }} as group_id,
    {{ json_text('payload', 'brand_id') }} as brand_id,
    {{ json_text('payload', 'status') }} as status,
    {{ json_text('payload', 'priority') }} as priority,
    {{ json_text('payload', 'support_type') }} as support_type,
    {{ json_text("payload -> 'via'", 'channel') }} as via_channel,
    {{ json_text("payload -> 'satisfaction_rating'", 'score') }} as rating_score,
    {{ json_value('payload', 'tags') }} as tags,
    {{ json_value('payload', 'custom_fields') }} as custom_fields,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'generated_timestamp', 'epoch') }} as generated_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_zendesk', 'tickets') }}
