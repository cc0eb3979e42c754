{# Access to raw documents: the one place that knows the operators of jsonb. #}
{% macro json_text(document, field) -%}
    ({{ document }} ->> '{{ field }}')
{%- endmacro %}

{% macro json_value(document, field) -%}
    ({{ document }} -> '{{ field }}')
{%- endmacro %}

{# A cast that gives null for a value that does not fit; cast_errors() names the field. #}
{% macro try_cast(document, field, type) -%}
    ops.try_cast_{{ type }}({{ json_text(document, field) }})
{%- endmacro %}

{# Names of the fields that hold a value which their type cannot take. #}
{% macro cast_errors(document, fields) -%}
    array_remove(array[
        {%- for field, type in fields.items() %}
        case
            when {{ json_text(document, field) }} is not null and {{ try_cast(document, field, type) }} is null
                then '{{ field }}'
        end{{ "," if not loop.last }}
        {%- endfor %}
    ]::text[], null)
{%- endmacro %}

{# The elements of an array, as a set; a value of another type has none. #}
{% macro json_elements(value) -%}
    jsonb_array_elements(case when jsonb_typeof({{ value }}) = 'array' then {{ value }} else '[]' end)
{%- endmacro %}
