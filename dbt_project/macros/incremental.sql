{# Run of the step whose work was last completed; what carries a later run has not been worked through. 0 before the first. #}
{% macro last_run_of(step) -%}
    (select coalesce(max(run_id), 0) from {{ ref('stg_ops__watermarks') }} where step = '{{ step }}')
{%- endmacro %}

{# Condition that a landed row came with a load that core has not seen. The lower bound lets the block ranges of _load_id be used. #}
{% macro is_pending(row, load='_load_id') -%}
    {{ row }}.{{ load }} >= (select min(load_id) from {{ ref('pending_loads') }})
    and {{ row }}.{{ load }} in (select load_id from {{ ref('pending_loads') }})
{%- endmacro %}

{# Condition that a replaced row came with such a load, too: it left before core was built of it. The lower bound is that of the
   history's own block ranges, since what replaces a row comes after it. #}
{% macro was_pending(row) -%}
    {{ row }}._replaced_by_load_id >= (select min(load_id) from {{ ref('pending_loads') }})
    and {{ row }}._load_id in (select load_id from {{ ref('pending_loads') }})
{%- endmacro %}

{# What a later step, or this model, has built in an earlier run: a relation, or no rows of these columns before the first. A ref
   would close a circle. #}
{% macro built_before(schema, identifier, columns) -%}
    {%- set relation = adapter.get_relation(database=target.database, schema=schema, identifier=identifier) if execute -%}
    {%- set nothing = [] -%}
    {%- for name, type in columns.items() -%}
        {%- do nothing.append('null::' ~ type ~ ' as ' ~ name) -%}
    {%- endfor -%}
    {{ return(relation or '(select ' ~ nothing | join(', ') ~ ' where false)') }}
{%- endmacro %}
