-- one row per statement of an event of product analytics: the present one and those that left or were replaced
{% set properties = "stated.payload -> 'properties'" %}
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
    stated.instance,
    stated.id as event_id,
    {{ json_text(properties, 'distinct_id') }} as distinct_id,
    {{ json_text(properties, '$user_id') }} as user_id,
    {{ json_text(properties, '$email') }} as email,
    {{ json_text('stated.payload', 'event') }} as event_name,
    case
        when jsonb_typeof({{ json_value('stated.payload', 'properties') }}) = 'object'
            then {{ json_value('stated.payload', 'properties') }} - array['time', 'distinct_id', '$user_id', '$email', '$insert_id']
    end as properties,
    stated.is_current,
    ops.try_cast_local_epoch({{ json_text(properties, 'time') }}, coalesce({{ json_text('configured.options', 'time_zone') }}, 'UTC'))
        as occurred_at,
    ops.try_cast_local_epoch({{ json_text(properties, 'mp_processing_time_ms') }}, 'UTC') as received_at,
    stated._load_id,
    stated._replaced_by_load_id
from stated
-- projects made before 2023 state times in a zone of their own
left join {{ source('ops', 'source_options') }} as configured
    on
        stated.instance = configured.instance
        and configured.source = 'mixpanel'
