-- one row per ticket: renamed and cast, nothing else
{% set properties = "payload -> 'properties'" %}
{% set casts = {'createdate': 'moment', 'closed_date': 'moment'} %}

select
    'hubspot' as source,
    instance,
    id as ticket_id,
    {{ json_text(properties, 'hs_pipeline') }} as pipeline_id,
    {{ json_text(properties, 'hs_pipeline_stage') }} as stage_id,
    {{ json_text(properties, 'status_detail') }} as status_detail,
    {{ json_text(properties, 'source_type') }} as source_type,
    {{ json_text(properties, 'hs_ticket_priority') }} as priority,
    {{ json_text(properties, 'hs_ticket_category') }} as topic,
    {{ json_text(properties, 'product_area') }} as product_area,
    {{ json_text(properties, 'conversation_language') }} as language,
    {{ json_text(properties, 'hubspot_owner_id') }} as owner_id,
    {{ json_text(properties, 'last_handoff_reason') }} as last_handoff_reason,
    string_to_array({{ json_text(properties, 'ticket_tags') }}, ';') as tags,
    string_to_array({{ json_text(properties, 'hs_merged_object_ids') }}, ';') as merged_ticket_ids,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    coalesce({{ try_cast(properties, 'createdate', 'moment') }}, {{ try_cast('payload', 'createdAt', 'moment') }}) as created_at,
    {{ try_cast(properties, 'closed_date', 'moment') }} as closed_at,
    coalesce({{ try_cast('payload', 'archivedAt', 'moment') }}, {{ try_cast('payload', 'updatedAt', 'moment') }}) as archived_at,
    {{ cast_errors(properties, casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_hubspot', 'tickets') }}
