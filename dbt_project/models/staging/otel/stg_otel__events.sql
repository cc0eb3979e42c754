-- one row per event of a trace: renamed and cast, nothing else
select
    'otel' as source,
    instance,
    interaction_id as trace_id,
    id as event_id,
    {{ json_text('payload', 'spanId') }} as span_id,
    {{ json_text('payload', 'name') }} as event_name,
    {{ json_value('payload', 'attributes') }} as attributes,
    {{ json_value('payload', 'body') }} as body,
    {{ try_cast('payload', 'timeUnixNano', 'unix_nano') }} as happened_at,
    {{ try_cast('payload', 'ordinal', 'numeric') }} as ordinal,
    _load_id
from {{ source('raw_otel', 'events') }}
