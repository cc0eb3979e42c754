-- one row per ticket: renamed and cast, nothing else
{% set casts = {'Created': 'timestamptz'} %}

select
    'rt' as source,
    instance,
    id as ticket_id,
    {{ json_text('payload', 'EffectiveId') }} as effective_id,
    coalesce({{ json_text('payload', 'Type') }}, 'ticket') as ticket_type,
    {{ json_text('payload', 'Status') }} as status,
    {{ json_text("payload -> 'Queue'", 'id') }} as queue_id,
    {{ json_text("payload -> 'Owner'", 'id') }} as owner_id,
    (
        -- a group may be a requestor, too
        select {{ json_text('requestors.person', 'id') }}
        from {{ json_elements("payload -> 'Requestor'") }} with ordinality as requestors (person, ordinal)
        where {{ json_text('requestors.person', 'type') }} = 'user'
        order by requestors.ordinal
        limit 1
    ) as requestor_id,
    {{ json_value('payload', 'CustomFields') }} as custom_fields,
    {{ try_cast('payload', 'Priority', 'numeric') }} as priority,
    {{ rt_moment('payload', 'Created') }} as created_at,
    {{ rt_moment('payload', 'Resolved') }} as resolved_at,
    {{ rt_moment('payload', 'LastUpdated') }} as updated_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_rt', 'tickets') }}
