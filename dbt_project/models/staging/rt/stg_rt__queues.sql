-- one row per queue: renamed and cast, nothing else
select
    'rt' as source,
    instance,
    id as queue_id,
    {{ json_text('payload', 'Name') }} as queue_name,
    _load_id
from {{ source('raw_rt', 'queues') }}
