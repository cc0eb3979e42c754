-- one row per group of agents: renamed and cast, nothing else
select
    'freshdesk' as source,
    instance,
    id as group_id,
    {{ json_text('payload', 'name') }} as group_name,
    _load_id
from {{ source('raw_freshdesk', 'groups') }}
