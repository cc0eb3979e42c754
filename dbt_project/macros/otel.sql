{# Columns of records whose present statement and those that it replaced lie in two tables: two views, since a union of both
   cannot be looked up by key. Of a replaced one only what it said of its user is read. #}
{% macro otel_user_columns() -%}
    {%- set said = "payload -> 'attributes'" -%}
    'otel' as source,
    instance,
    id as span_key,
    {{ json_value('payload', 'attributes') }} as attributes,
    coalesce({{ json_text(said, 'user.id') }}, {{ json_text(said, 'enduser.id') }}) as user_id,
    _load_id
{%- endmacro %}
