{# Columns of records whose present statement and those that it replaced lie in two tables: two views, since a union of both
   cannot be looked up by key. #}
{% macro zendesk_user_columns() -%}
    {%- set fields = "payload -> 'user_fields'" -%}
    'zendesk' as source,
    instance,
    id as user_id,
    {{ json_text('payload', 'organization_id') }} as organization_id,
    {{ json_text('payload', 'external_id') }} as external_id,
    {{ json_text('payload', 'name') }} as user_name,
    {{ json_text('payload', 'email') }} as email,
    {{ json_text('payload', 'role') }} as role,
    {{ json_text(fields, 'role_title') }} as role_title,
    {{ json_text(fields, 'agent_type') }} as agent_type,
    {{ json_text(fields, 'role_history') }} as role_history,
    {{ try_cast(fields, 'is_automation', 'boolean') }} as is_automation,
    {{ try_cast(fields, 'is_ai_agent', 'boolean') }} as is_ai_agent,
    {{ try_cast(fields, 'hired_on', 'moment') }} as hired_at,
    {{ try_cast(fields, 'left_on', 'moment') }} as left_at,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
{%- endmacro %}

{% macro zendesk_organization_columns() -%}
    {%- set fields = "payload -> 'organization_fields'" -%}
    'zendesk' as source,
    instance,
    id as organization_id,
    {{ json_text(fields, 'crm_id') }} as crm_id,
    {{ json_text('payload', 'name') }} as organization_name,
    {{ json_text(fields, 'tier') }} as tier,
    {{ json_text(fields, 'segment') }} as segment,
    {{ json_text(fields, 'plan') }} as plan,
    {{ json_text(fields, 'health_score') }} as stated_health,
    {{ json_value('payload', 'domain_names') }} as domain_names,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
{%- endmacro %}

{% macro zendesk_membership_columns() -%}
    'zendesk' as source,
    instance,
    id as membership_id,
    {{ json_text('payload', 'user_id') }} as user_id,
    {{ json_text('payload', 'group_id') }} as group_id,
    {{ try_cast('payload', 'default', 'boolean') }} as is_default,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
{%- endmacro %}

{% macro zendesk_article_columns() -%}
    'zendesk' as source,
    instance,
    id as record_id,
    {{ json_text('payload', 'id') }} as article_id,
    {{ json_text('payload', 'section_id') }} as section_id,
    {{ json_text('payload', 'author_id') }} as author_id,
    {{ json_text('payload', 'locale') }} as locale,
    {{ json_text('payload', 'title') }} as title,
    {{ json_text('payload', 'body') }} as body,
    {{ json_text('payload', 'html_url') }} as url,
    {{ json_value('payload', 'label_names') }} as labels,
    coalesce({{ try_cast('payload', 'draft', 'boolean') }}, false) as is_draft,
    coalesce({{ try_cast('payload', 'outdated', 'boolean') }}, false) as is_outdated,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    coalesce({{ try_cast('payload', 'edited_at', 'timestamptz') }}, {{ try_cast('payload', 'created_at', 'timestamptz') }})
        as edited_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
{%- endmacro %}
