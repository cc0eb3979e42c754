{# Columns of records whose present statement and those that it replaced lie in two tables: two views, since a union of both
   cannot be looked up by key. #}
{% macro freshdesk_company_columns() -%}
    {%- set fields = "payload -> 'custom_fields'" -%}
    'freshdesk' as source,
    instance,
    id as company_id,
    coalesce({{ json_text(fields, 'crm_id') }}, {{ json_text(fields, 'cf_crm_id') }}) as crm_id,
    {{ json_text('payload', 'name') }} as company_name,
    {{ json_text('payload', 'account_tier') }} as tier,
    coalesce({{ json_text(fields, 'segment') }}, {{ json_text(fields, 'cf_segment') }}) as segment,
    coalesce({{ json_text(fields, 'plan') }}, {{ json_text(fields, 'cf_plan') }}) as plan,
    {{ json_text('payload', 'health_score') }} as stated_health,
    {{ json_text('payload', 'industry') }} as industry,
    {{ json_value('payload', 'domains') }} as domains,
    coalesce({{ try_cast('payload', 'isDeletedForGood', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'renewal_date', 'moment') }} as renews_at,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
{%- endmacro %}

{% macro freshdesk_agent_columns() -%}
    {%- set contact = "payload -> 'contact'" -%}
    'freshdesk' as source,
    instance,
    id as agent_id,
    {{ json_text(contact, 'name') }} as agent_name,
    payload -> 'group_ids' ->> 0 as group_id,
    case when {{ try_cast('payload', 'has_left', 'boolean') }} then {{ try_cast('payload', 'left_found_at', 'timestamptz') }} end
        as left_at,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
{%- endmacro %}

{% macro freshdesk_article_columns() -%}
    'freshdesk' as source,
    instance,
    id as article_id,
    {{ json_text('payload', 'folder_id') }} as section_id,
    {{ json_text('payload', 'agent_id') }} as author_id,
    {{ json_text('payload', 'language') }} as locale,
    {{ json_text('payload', 'title') }} as title,
    coalesce({{ json_text('payload', 'description_text') }}, {{ json_text('payload', 'description') }}) as body,
    {{ json_text('payload', 'url') }} as url,
    {{ json_value('payload', 'tags') }} as labels,
    coalesce({{ json_text('payload', 'status') }} = '1', false) as is_draft,
    false as is_outdated,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    coalesce({{ try_cast('payload', 'updated_at', 'timestamptz') }}, {{ try_cast('payload', 'created_at', 'timestamptz') }})
        as edited_at,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
{%- endmacro %}
