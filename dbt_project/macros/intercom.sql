{# Columns of records whose present statement and those that it replaced lie in two tables: two views, since a union of both
   cannot be looked up by key. #}
{% macro intercom_company_columns() -%}
    {%- set attributes = "payload -> 'custom_attributes'" -%}
    'intercom' as source,
    instance,
    id as company_id,
    {{ json_text(attributes, 'crm_id') }} as crm_id,
    {{ json_text('payload', 'name') }} as company_name,
    {{ json_text('payload', 'website') }} as website,
    {{ json_text('payload', 'industry') }} as industry,
    {{ json_text(attributes, 'tier') }} as tier,
    {{ json_text(attributes, 'segment') }} as segment,
    -- a company without a plan states an empty one
    coalesce({{ json_text("payload -> 'plan'", 'name') }}, {{ json_text(attributes, 'plan') }}) as plan,
    {{ json_text(attributes, 'health_score') }} as stated_health,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'created_at', 'epoch') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'epoch') }} as updated_at,
    _load_id
{%- endmacro %}

{# An admin states no time: what one said was so on the day of its load. #}
{% macro intercom_admin_columns() -%}
    'intercom' as source,
    instance,
    id as admin_id,
    {{ json_text('payload', 'name') }} as admin_name,
    {{ json_text('payload', 'job_title') }} as job_title,
    -- of several teams none is the one that a teammate belongs to
    case
        when jsonb_typeof({{ json_value('payload', 'team_ids') }}) = 'array' and jsonb_array_length({{ json_value('payload', 'team_ids') }}) = 1
            then {{ json_value('payload', 'team_ids') }} ->> 0
    end as team_id,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'archived_at', 'epoch') }} as archived_at,
    _load_id
{%- endmacro %}

{% macro intercom_article_columns() -%}
    'intercom' as source,
    instance,
    id as article_id,
    {{ json_text('payload', 'parent_id') }} as section_id,
    {{ json_text('payload', 'author_id') }} as author_id,
    {{ json_text('payload', 'default_locale') }} as locale,
    {{ json_text('payload', 'title') }} as title,
    {{ json_text('payload', 'body') }} as body,
    {{ json_text('payload', 'url') }} as url,
    jsonb_path_query_array({{ json_value('payload', 'tags') }}, '$.tags[*].name') as labels,
    coalesce({{ json_text('payload', 'state') }} = 'draft', false) as is_draft,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'created_at', 'epoch') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'epoch') }} as updated_at,
    _load_id
{%- endmacro %}

{# What Fin, the AI agent, made of a conversation, by a statement of it; its state is null until it has answered. #}
{% macro intercom_fin_columns() -%}
    {%- set fin = "payload -> 'ai_agent'" -%}
    'intercom' as source,
    instance,
    id as conversation_id,
    {{ json_text(fin, 'source_type') }} as source_type,
    {{ json_text(fin, 'source_title') }} as source_title,
    {{ json_text(fin, 'last_answer_type') }} as last_answer_type,
    {{ json_text(fin, 'resolution_state') }} as resolution_state,
    {{ json_text(fin, 'rating_remark') }} as rating_remark,
    {{ json_value(fin ~ " -> 'content_sources'", 'content_sources') }} as content_sources,
    {{ try_cast(fin, 'rating', 'numeric') }} as rating,
    {{ try_cast('payload', 'ai_agent_participated', 'boolean') }} as has_participated,
    coalesce({{ try_cast(fin, 'updated_at', 'epoch') }}, {{ try_cast(fin, 'created_at', 'epoch') }}) as rated_at,
    {{ try_cast('payload', 'updated_at', 'epoch') }} as updated_at,
    _load_id
{%- endmacro %}
