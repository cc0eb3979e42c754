-- one row per assignment: renamed and cast, nothing else; null is nobody
select
    'sql' as source,
    instance,
    id as row_id,
    interaction_id,
    {{ json_text('payload', 'agent_id') }} as agent_id,
    {{ json_text('payload', 'team') }} as team,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'assigned_at', 'timestamptz') }} as assigned_at
from {{ source('raw_sql', 'assignments') }}
