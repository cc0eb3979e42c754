{# Columns of records whose present statement and those that it replaced lie in two tables: two views, since a union of both
   cannot be looked up by key. #}
{% macro posthog_event_columns() -%}
    {%- set properties = "events.payload -> 'properties'" -%}
    {%- set distinct_id = json_text('events.payload', 'distinct_id') -%}
    'posthog' as source,
    events.instance,
    events.id as event_id,
    -- by the id that was sent, not by the person that PostHog makes of several: a later merge changes that one on events which
    -- are not read again
    {{ distinct_id }} as person_id,
    {{ posthog_user_id(distinct_id, properties) }} as external_id,
    -- whom this event says to be the same: the device before the sign-in, or another name
    {{ posthog_former_id(properties) }} as former_person_id,
    {{ json_text('events.payload', 'person_email') }} as email,
    {{ json_text('events.payload', 'event') }} as event_name,
    case
        when jsonb_typeof({{ json_value('events.payload', 'properties') }}) = 'object'
            then
                {{ json_value('events.payload', 'properties') }}
                - array['$user_id', '$device_id', '$anon_distinct_id', 'distinct_id', 'alias', '$set', '$set_once', 'email', '$email']
    end as properties,
    {{ try_cast('events.payload', 'timestamp', 'moment') }} as occurred_at,
    {{ try_cast('events.payload', 'created_at', 'moment') }} as received_at,
    events._load_id
{%- endmacro %}

{# What the product calls somebody: the id that was sent, unless it is one that PostHog made up for a device. #}
{% macro posthog_user_id(distinct_id, properties) -%}
    coalesce(
        {{ json_text(properties, '$user_id') }},
        case
            when
                {{ distinct_id }} is distinct from {{ json_text(properties, '$device_id') }}
                and {{ distinct_id }} !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                then {{ distinct_id }}
        end
    )
{%- endmacro %}

{# A name that an event joins to the person who sent it, where PostHog made it up: two users of the product stay two. #}
{% macro posthog_former_id(properties) -%}
    {%- set former -%}
        coalesce({{ json_text(properties, '$anon_distinct_id') }}, {{ json_text(properties, 'alias') }})
    {%- endset -%}
    case
        when {{ former }} ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then {{ former }}
    end
{%- endmacro %}
