-- one row per statement of an event of product analytics: the present one and those that left or were replaced
{% set properties = "payload -> 'properties'" %}
with

stated as (

    select
        instance,
        id,
        payload,
        true as is_current,
        _load_id,
        null::bigint as _replaced_by_load_id
    from {{ source('raw_mixpanel', 'events') }}

    union all

    select
        instance,
        id,
        payload,
        false as is_current,
        _load_id,
        replaced_by_load_id as _replaced_by_load_id
    from {{ source('raw_mixpanel', 'events_history') }}

)

select
    'mixpanel' as source,
    instance,
    id as event_id,
    {{ json_text(properties, 'distinct_id') }} as distinct_id,
    {{ json_text(properties, '$user_id') }} as user_id,
    {{ json_text(properties, '$email') }} as email,
    {{ json_text('payload', 'event') }} as event_name,
    case
        when jsonb_typeof({{ json_value('payload', 'properties') }}) = 'object'
            then {{ json_value('payload', 'properties') }} - array['time', 'distinct_id', '$user_id', '$email', '$insert_id']
    end as properties,
    is_current,
    ops.try_cast_local_epoch({{ json_text(properties, 'time') }}, coalesce({{ json_text('payload', 'time_zone') }}, 'UTC'))
        as occurred_at,
    ops.try_cast_local_epoch({{ json_text(properties, 'mp_processing_time_ms') }}, 'UTC') as received_at,
    _load_id,
    _replaced_by_load_id
from stated
