{#
    A view that is made again only when its definition has changed or something has taken it away: making the many views of staging
    costs more than what most days bring. ops.built_relations holds the digest of what was made. A run that finds all those of models/staging
    as they should be leaves them out (selector staging_tables): they may read neither a variable of the run nor a table that runs make anew.
#}
{% materialization steady_view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set digest = var('definitions')[model.unique_id] -%}

    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('known', fetch_result=True) -%}
        select 1 from ops.built_relations
        where
            relation = '{{ this.schema }}.{{ this.identifier }}'
            and definition = '{{ digest }}'
            and to_regclass('{{ this }}') is not null
    {%- endcall %}
    {%- if load_result('known')['data'] | length == 1 and not should_full_refresh() -%}
        {% call noop_statement('main', 'UNCHANGED', 'UNCHANGED', 0) %}{% endcall %}
    {%- else -%}
        {%- if existing_relation is not none -%}
            {% do adapter.drop_relation(existing_relation) %}
        {%- endif -%}
        {% call statement('main') -%}
            {{ get_create_view_as_sql(target_relation, sql) }}
        {%- endcall %}
        {% do persist_docs(target_relation, model) %}
        {% do record_built(target_relation, digest) %}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
