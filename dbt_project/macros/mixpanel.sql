{# Columns of records whose present statement and those that it replaced lie in two tables: two views, since a union of both
   cannot be looked up by key. #}
{% macro mixpanel_event_columns() -%}
    {%- set properties = "events.payload -> 'properties'" -%}
    'mixpanel' as source,
    events.instance,
    events.id as event_id,
    {{ json_text(properties, 'distinct_id') }} as person_id,
    -- an anonymous device is nobody until it says whose it is
    coalesce(
        {{ json_text(properties, '$user_id') }},
        case
            when {{ json_text(properties, 'distinct_id') }} not like '$device:%' then {{ json_text(properties, 'distinct_id') }}
        end
    ) as external_id,
    {{ json_text(properties, '$email') }} as email,
    {{ json_text('events.payload', 'event') }} as event_name,
    case
        when jsonb_typeof({{ json_value('events.payload', 'properties') }}) = 'object'
            then
                {{ json_value('events.payload', 'properties') }}
                - array['time', 'distinct_id', '$user_id', '$email', '$insert_id']
    end as properties,
    -- projects made before 2023 state times in a zone of their own
    ops.try_cast_local_epoch(
        {{ json_text(properties, 'time') }}, coalesce({{ json_text('configured.options', 'time_zone') }}, 'UTC')
    ) as occurred_at,
    ops.try_cast_local_epoch({{ json_text(properties, 'mp_processing_time_ms') }}, 'UTC') as received_at,
    events._load_id
{%- endmacro %}
