-- one row per stage of a pipeline of tickets or deals: renamed and cast, nothing else
select
    'hubspot' as source,
    pipelines.instance,
    split_part(pipelines.id, ':', 1) as object_type,
    {{ json_text('pipelines.payload', 'id') }} as pipeline_id,
    {{ json_text('stages.stage', 'id') }} as stage_id,
    {{ json_text('stages.stage', 'label') }} as stage_label,
    {{ json_text("stages.stage -> 'metadata'", 'ticketState') }} as ticket_state,
    {{ try_cast("stages.stage -> 'metadata'", 'probability', 'numeric') }} as probability,
    {{ try_cast("stages.stage -> 'metadata'", 'isClosed', 'boolean') }} as is_closed,
    pipelines._load_id
from {{ source('raw_hubspot', 'pipelines') }} as pipelines
cross join lateral {{ json_elements("pipelines.payload -> 'stages'") }} as stages (stage)
