-- one row per queue of cases: renamed and cast, nothing else
select
    'salesforce' as source,
    instance,
    id as queue_id,
    {{ json_text('payload', 'Name') }} as queue_name,
    _load_id
from {{ source('raw_salesforce', 'queues') }}
