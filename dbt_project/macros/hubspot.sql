{# Columns of records whose present statement and those that it replaced lie in two tables: two views, since a union of both
   cannot be looked up by key. #}
{% macro hubspot_company_columns() -%}
    {%- set properties = "payload -> 'properties'" -%}
    'hubspot' as source,
    instance,
    id as company_id,
    {{ json_text(properties, 'hubspot_owner_id') }} as owner_id,
    {{ json_text(properties, 'name') }} as company_name,
    {{ json_text(properties, 'domain') }} as domain,
    {{ json_text(properties, 'hs_additional_domains') }} as additional_domains,
    {{ json_text(properties, 'tier') }} as tier,
    {{ json_text(properties, 'segment') }} as segment,
    {{ json_text(properties, 'plan') }} as plan,
    {{ json_text(properties, 'health_score') }} as stated_health,
    {{ json_text(properties, 'industry') }} as industry,
    {{ json_text(properties, 'country') }} as country,
    {{ json_text(properties, 'lifecyclestage') }} as lifecycle_stage,
    {{ try_cast(properties, 'arr', 'numeric') }} as arr,
    {{ try_cast(properties, 'renewal_month', 'numeric') }} as renewal_month,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast(properties, 'churned_on', 'date') }} as churned_on,
    coalesce({{ try_cast(properties, 'createdate', 'moment') }}, {{ try_cast('payload', 'createdAt', 'moment') }}) as created_at,
    coalesce({{ try_cast('payload', 'updatedAt', 'moment') }}, {{ try_cast(properties, 'hs_lastmodifieddate', 'moment') }})
        as updated_at,
    {{ try_cast('payload', 'archivedAt', 'moment') }} as archived_at,
    _load_id
{%- endmacro %}

{% macro hubspot_owner_columns() -%}
    'hubspot' as source,
    instance,
    id as owner_id,
    'A-' || {{ json_text('payload', 'userId') }} as actor_id,
    nullif(concat_ws(' ', {{ json_text('payload', 'firstName') }}, {{ json_text('payload', 'lastName') }}), '') as owner_name,
    coalesce(
        jsonb_path_query_first({{ json_value('payload', 'teams') }}, '$[*] ? (@.primary == true).name'),
        {{ json_value('payload', 'teams') }} -> 0 -> 'name'
    ) #>> '{}' as team,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'createdAt', 'moment') }} as created_at,
    {{ try_cast('payload', 'updatedAt', 'moment') }} as updated_at,
    _load_id
{%- endmacro %}
