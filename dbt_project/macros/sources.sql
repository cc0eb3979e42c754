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

{# The records of a source that the affected entities of a kind are known by, with the key of the entity. #}
{% macro affected_records(entity_type, record_type) -%}
    select distinct
        affected.{{ entity_type }}_key,
        known.instance,
        known.record_id
    from {{ ref('int_entities__affected') }} as affected
    inner join {{ ref('int_records__timeline') }} as known
        on
            affected.{{ entity_type }}_key = known.record_key
            and known.record_type = '{{ record_type }}'
{%- endmacro %}
