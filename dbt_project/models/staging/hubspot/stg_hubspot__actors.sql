-- one row per actor of the conversations: renamed and cast, nothing else
select
    'hubspot' as source,
    instance,
    id as actor_id,
    {{ json_text('payload', 'name') }} as actor_name,
    {{ json_text('payload', 'type') }} as actor_type,
    _load_id
from {{ source('raw_hubspot', 'actors') }}
