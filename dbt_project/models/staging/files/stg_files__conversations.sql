-- one row per conversation of a file source: renamed and cast, nothing else. The planner asks a view by key only where no
-- common table expression keeps it apart
{% set casts = {
    'started_at': 'timestamptz', 'closed_at': 'timestamptz', 'deleted_at': 'timestamptz', 'rated_at': 'timestamptz',
    'rating': 'numeric', 'rating_scale_min': 'numeric', 'rating_scale_max': 'numeric'
} %}

select
    'files' as source,
    instance,
    interaction_id,
    {{ json_text('payload', 'channel') }} as channel,
    {{ json_text('payload', 'status') }} as status,
    {{ json_text('payload', 'customer_id') }} as customer_id,
    {{ json_text('payload', 'customer_email') }} as customer_email,
    {{ json_text('payload', 'account_id') }} as account_id,
    {{ json_text('payload', 'tier') }} as tier,
    {{ json_text('payload', 'language') }} as language,
    {{ json_text('payload', 'topic') }} as topic,
    {{ json_text('payload', 'priority') }} as priority,
    {{ json_text('payload', 'product_area') }} as product_area,
    {{ json_value('payload', 'tags') }} as tags,
    {{ json_value('payload', 'attributes') }} as attributes,
    {{ json_value('payload', 'quarantined_message_ids') }} as quarantined_message_ids,
    {{ try_cast('payload', 'rating', 'numeric') }} as rating,
    {{ try_cast('payload', 'rating_scale_min', 'numeric') }} as rating_scale_min,
    {{ try_cast('payload', 'rating_scale_max', 'numeric') }} as rating_scale_max,
    {{ try_cast('payload', 'started_at', 'timestamptz') }} as started_at,
    {{ try_cast('payload', 'closed_at', 'timestamptz') }} as closed_at,
    {{ try_cast('payload', 'deleted_at', 'timestamptz') }} as deleted_at,
    {{ try_cast('payload', 'rated_at', 'timestamptz') }} as rated_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_files', 'conversations') }}
