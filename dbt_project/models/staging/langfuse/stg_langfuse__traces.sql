-- one row per trace: renamed and cast, nothing else. Version 4 states it as its root observation, whose input, output and
-- metadata come as texts.
select
    {{ langfuse_user_columns() }},
    interaction_id,
    coalesce({{ json_text('payload', 'traceName') }}, {{ json_text('payload', 'name') }}) as trace_name,
    {{ json_text('payload', 'input') }} as input,
    {{ json_text('payload', 'output') }} as output,
    {{ json_text('payload', 'release') }} as release,
    {{ json_text('payload', 'version') }} as version,
    {{ json_text('payload', 'environment') }} as environment,
    coalesce({{ try_cast('payload', 'timestamp', 'moment') }}, {{ try_cast('payload', 'startTime', 'moment') }}) as begun_at,
    {{ try_cast('payload', 'endTime', 'moment') }} as stated_ended_at,
    -- version 3 states how long a trace took; -1 is none
    nullif(greatest({{ try_cast('payload', 'latency', 'numeric') }}, 0), 0) as latency_seconds,
    {{ cast_errors('payload', {'timestamp': 'moment', 'startTime': 'moment'}) }} as _cast_errors,
    _loaded_at
from {{ source('raw_langfuse', 'traces') }}
