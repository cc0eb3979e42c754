-- one row per observation of a trace: renamed and cast, nothing else
select
    'langfuse' as source,
    instance,
    interaction_id as trace_id,
    {{ json_text('payload', 'id') }} as observation_id,
    {{ json_text('payload', 'parentObservationId') }} as parent_id,
    {{ json_text('payload', 'type') }} as observation_type,
    {{ json_text('payload', 'name') }} as observation_name,
    {{ json_text('payload', 'level') }} as level,
    {{ json_text('payload', 'statusMessage') }} as status_message,
    {{ json_text('payload', 'version') }} as version,
    coalesce({{ json_text('payload', 'providedModelName') }}, {{ json_text('payload', 'model') }}) as model,
    {{ json_text('payload', 'input') }} as input,
    {{ json_text('payload', 'output') }} as output,
    {{ json_value('payload', 'usageDetails') }} as usage_details,
    coalesce(
        {{ try_cast('payload', 'totalCost', 'numeric') }}, {{ try_cast("payload -> 'costDetails'", 'total', 'numeric') }}
    ) as total_cost,
    {{ try_cast('payload', 'startTime', 'moment') }} as begun_at,
    {{ try_cast('payload', 'endTime', 'moment') }} as ended_at,
    _load_id
from {{ source('raw_langfuse', 'observations') }}
