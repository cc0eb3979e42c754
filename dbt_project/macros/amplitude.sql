{# Columns of records whose present statement and those that it replaced lie in two tables: two views, since a union of both
   cannot be looked up by key. #}
{% macro amplitude_event_columns() -%}
    'amplitude' as source,
    events.instance,
    events.id as event_id,
    -- an anonymous device is nobody until an event says whose it is
    coalesce(
        {{ json_text('events.payload', 'user_id') }},
        '$device:' || {{ json_text('events.payload', 'device_id') }},
        '$amplitude:' || {{ json_text('events.payload', 'amplitude_id') }}
    ) as person_id,
    {{ json_text('events.payload', 'user_id') }} as external_id,
    case
        when {{ json_text('events.payload', 'user_id') }} is not null
            then '$device:' || {{ json_text('events.payload', 'device_id') }}
    end as former_person_id,
    coalesce(
        {{ json_text("events.payload -> 'user_properties'", 'email') }},
        {{ json_text("events.payload -> 'user_properties'", 'Email') }},
        {{ json_text("events.payload -> 'user_properties'", '$email') }}
    ) as email,
    {{ json_text('events.payload', 'event_type') }} as event_name,
    case
        when jsonb_typeof({{ json_value('events.payload', 'event_properties') }}) = 'object'
            then {{ json_value('events.payload', 'event_properties') }} - array['email', 'Email', '$email']
    end as properties,
    -- UTC, which the export does not say
    {{ try_cast('events.payload', 'event_time', 'moment') }} as occurred_at,
    {{ try_cast('events.payload', 'server_upload_time', 'moment') }} as received_at,
    events._load_id
{%- endmacro %}
