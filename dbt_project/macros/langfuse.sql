{# Columns of records whose present statement and those that it replaced lie in two tables: two views, since a union of both
   cannot be looked up by key. Of a replaced one only what it said of its user is read. #}
{% macro langfuse_user_columns() -%}
    'langfuse' as source,
    instance,
    id as trace_id,
    {{ json_text('payload', 'userId') }} as user_id,
    case jsonb_typeof({{ json_value('payload', 'metadata') }})
        when 'string' then ops.try_json({{ json_text('payload', 'metadata') }})
        else {{ json_value('payload', 'metadata') }}
    end as metadata,
    {{ json_value('payload', 'tags') }} as tags,
    _load_id
{%- endmacro %}
