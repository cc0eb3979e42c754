-- one row per row of a table of conversations: renamed and cast, nothing else; its fields stay one object, which messages add to
select
    'sql' as source,
    instance,
    id as row_id,
    interaction_id,
    payload - array['raw', 'refused', 'message_id', 'archived'] as fields,
    {{ json_text('payload', 'merged_into') }} as merged_into,
    {{ json_text('payload', 'refused') }} as refused_code,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    _load_id,
    _loaded_at
from {{ source('raw_sql', 'conversations') }}
