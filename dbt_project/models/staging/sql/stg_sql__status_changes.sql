-- one row per change of status: renamed and cast, nothing else
select
    'sql' as source,
    instance,
    id as row_id,
    interaction_id,
    {{ json_text('payload', 'status') }} as status,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'changed_at', 'timestamptz') }} as changed_at
from {{ source('raw_sql', 'status_changes') }}
