{# A time that RT states: one that was never set is stated as 1970, and is null. #}
{% macro rt_moment(document, field) -%}
    nullif({{ try_cast(document, field, 'timestamptz') }}, 'epoch')
{%- endmacro %}

{# What tickets and messages read of an account: who it is follows from what is configured, then from its rights. `users` is a row of
   stg_rt__users, `configured` one of stg_ops__source_options. #}
{% macro rt_user_facts(users, configured) -%}
    jsonb_strip_nulls(jsonb_build_object(
        'actor', case
            when {{ json_value(configured ~ '.options', 'ai_agents') }} @> to_jsonb({{ users }}.user_name) then 'ai_agent'
            when {{ users }}.user_name = 'RT_System' then 'system'
            when {{ json_value(configured ~ '.options', 'automations') }} @> to_jsonb({{ users }}.user_name) then 'system'
            when {{ users }}.user_name = 'Nobody' then null
            when {{ users }}.is_privileged then 'human_agent'
            else 'customer'
        end,
        'automation_reason', case
            when {{ users }}.user_name = 'RT_System' then 'RT_System is Request Tracker itself'
            when {{ json_value(configured ~ '.options', 'automations') }} @> to_jsonb({{ users }}.user_name)
                then 'configured as an automation'
        end
    ))
{%- endmacro %}

{# The first value of the custom field that holds an attribute of a ticket: the one that is configured, else one of the usual names. #}
{% macro rt_field(tickets, facts, attribute, names=[]) -%}
    (
        select max(nullif(trim({{ json_value('given.entry', 'values') }} ->> 0), ''))
        from {{ json_elements(tickets ~ '.custom_fields') }} as given (entry)
        where
            case
                when {{ json_text(facts, attribute) }} is not null
                    then {{ json_text('given.entry', 'name') }} = {{ json_text(facts, attribute) }}
                else lower(regexp_replace({{ json_text('given.entry', 'name') }}, '\W+', '_', 'g'))
                    = any('{{ "{" ~ names | join(",") ~ "}" }}')
            end
    )
{%- endmacro %}

{# What a status of RT means: as configured, else by RT's own lifecycle; null for one that is not known. #}
{% macro rt_status(value, facts) -%}
    coalesce(
        {{ facts }} -> 'statuses' ->> {{ value }},
        case {{ value }}
            when 'new' then 'new'
            when 'open' then 'open'
            when 'stalled' then 'pending'
            when 'resolved' then 'solved'
            when 'rejected' then 'closed'
        end
    )
{%- endmacro %}
