-- one row per trace with the conversation that it is part of: renamed, nothing else
select
    'otel' as source,
    instance,
    id as trace_id,
    interaction_id,
    _load_id,
    _loaded_at
from {{ source('raw_otel', 'traces') }}
