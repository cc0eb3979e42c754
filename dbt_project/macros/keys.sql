{# The surrogate key of an entity: md5 of source, instance and native id; null when there is no native id. #}
{% macro entity_key(native_id, source='source', instance='instance') -%}
    md5({{ source }} || ':' || {{ instance }} || ':' || {{ native_id }})
{%- endmacro %}
