{# A model's schema is the one its folder names, the same in every environment: the database is the environment. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
