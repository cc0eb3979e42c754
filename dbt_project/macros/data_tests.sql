{#
    What a generic test reads. In a run whose tests are those of the last build that succeeded (var tests_changes_only), a test of single
    values reads the rows of a mart that have changed since: earlier rows passed it when they changed, and a build whose tests failed
    is not the last that succeeded. Tests that hold rows against other rows (relationships, unique) read everything.
#}
{% macro get_where_subquery(relation) -%}
    {%- set conditions = [config.get('where')] if config.get('where') else [] -%}
    {%- set tested = graph.nodes.get(model.attached_node) if execute and model.attached_node else none -%}
    {%- if
        tested and tested.schema == 'marts_build' and '_ledger_id' in tested.columns
        and model.test_metadata.name in ('accepted_values', 'not_null') and var('tests_changes_only')
    -%}
        {%- do conditions.append(
            "_ledger_id > (select coalesce(max(run_id), 0) from " ~ source('ops', 'watermarks') ~ " where step = 'marts')"
        ) -%}
    {%- endif -%}
    {%- if conditions -%}
        (select * from {{ relation }} where {{ conditions | join(' and ') }}) as dbt_subquery
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
