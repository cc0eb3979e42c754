{# The sources that provide an entity, in the order of the variable source_entities. #}
{% macro sources_of(entity) -%}
    {%- set found = [] -%}
    {%- for source, entities in var('source_entities').items() -%}
        {%- if entity in entities -%}
            {%- do found.append(source) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# The models int_<source>__<entity> of all sources that provide an entity, one below the other, in the one shape that `columns`
   (name: type) gives. Each applies the scope of the run itself: a union is not asked by key. #}
{% macro union_of_sources(entity, columns) -%}
    {%- for source in sources_of(entity) %}
        select
            {%- for name, type in columns.items() %}
            {{ name }}::{{ type }} as {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        from {{ ref('int_' ~ source ~ '__' ~ entity) }}
        {%- if not loop.last %}
        union all
        {%- endif %}
    {%- else %}
        select
            {%- for name, type in columns.items() %}
            null::{{ type }} as {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        where false
    {%- endfor %}
{%- endmacro %}

{# Condition that a row is of a source that provides the entity. #}
{% macro is_of_source_with(entity, source='source') -%}
    {%- set found = sources_of(entity) -%}
    {% if found %}{{ source }} in ('{{ found | join("', '") }}'){% else %}false{% endif %}
{%- endmacro %}
