{#
    A table that is kept by key, in time proportional to what changed.

    config:
      unique_key      columns of the primary key
      scope           name of the model that lists what this run works on; rows of the target inside the scope that the model no
                      longer returns are deleted
      scope_columns   columns that the scope and the target share
      is_whole        the model returns all of its rows on every run (it is small): every other row of the target is deleted
      partition_by    timestamptz column of monthly partitions; must be part of unique_key
      indexes         further indexes, as dbt writes them

    A model's SQL is the same on the first run and on every later one: it selects the rows in its scope, and the scope is
    everything when nothing has been built. A row that did not change is left alone, so _ledger_id tells the run that last
    changed it; rows taken out of a mart are noted in ops.mart_deletions for the publication.
    ops.built_relations holds the definition that made the table. A table that another definition made never gets here: the step
    has taken it out before, and with it the watermark, so that the scope is everything again.
    Its descriptions are written when they have changed. Everything between two kills is one transaction per model.
#}
{% materialization keyed, adapter='postgres' %}
    {%- set unique_key = config.require('unique_key') -%}
    {%- set unique_key = [unique_key] if unique_key is string else unique_key -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set temp_relation = make_temp_relation(target_relation) -%}
    {%- set existing_relation = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if existing_relation is not none and should_full_refresh() -%}
        {% do adapter.drop_relation(existing_relation) %}
        {%- set existing_relation = none -%}
    {%- endif -%}

    {%- if existing_relation is none -%}
        {% call statement('main') %}{{ keyed__create(target_relation, temp_relation, unique_key, sql) }}{% endcall %}
        {% do create_indexes(target_relation) %}
        {% do record_built(target_relation, var('definitions')[model.unique_id]) %}
        {% do run_query('analyze ' ~ target_relation) %}
        {%- set described = none -%}
    {%- else -%}
        {#- The definition is the one that made the table, so its columns and types are too: dbt's checks of them are spared. -#}
        {% call statement('temporary') %}create temporary table {{ temp_relation }} as ({{ sql }}){% endcall %}
        {%- set known = run_query(keyed__known(target_relation, temp_relation)).rows[0] -%}
        {% call statement('main') %}
            {{ keyed__apply(target_relation, temp_relation, unique_key, known['columns'].split(',')) }}
            drop table {{ temp_relation }};
        {% endcall %}
        {%- set described = known['documentation'] -%}
    {%- endif -%}

    {%- set documentation = local_md5(model.description ~ model.columns) -%}
    {%- if described != documentation %}
        {% do persist_docs(target_relation, model) %}
        {% call statement('documented') -%}
            update ops.built_relations set documentation = '{{ documentation }}'
            where relation = '{{ this.schema }}.{{ this.identifier }}'
        {%- endcall %}
    {%- endif %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{# Note which definition made a relation, in the transaction that makes it. #}
{% macro record_built(target, definition) %}
    {% do run_query(
        "insert into ops.built_relations (relation, definition, run_id) values ('" ~ target.schema ~ "." ~ target.identifier ~ "', '"
        ~ definition ~ "', " ~ var('ledger_id') ~ ") on conflict (relation) do update"
        ~ " set definition = excluded.definition, run_id = excluded.run_id, built_at = clock_timestamp(), documentation = null"
    ) %}
{% endmacro %}


{# Columns of what was built, and the digest of the descriptions that the target carries. #}
{% macro keyed__known(target, temp) %}
    select
        (
            select string_agg(attname::text, ',' order by attnum) from pg_attribute
            where attrelid = '{{ temp }}'::regclass and attnum > 0 and not attisdropped
        ) as columns,
        (
            select documentation from ops.built_relations where relation = '{{ target.schema }}.{{ target.identifier }}'
        ) as documentation
{% endmacro %}


{#
    The table with the rows of its first run. Its key is made of the rows at once, which costs a fraction of keeping it row by row;
    rows of equal keys stop the run here as they do later. Partitions are made before the rows, so these wait in a temporary table.
#}
{% macro keyed__create(target, temp, unique_key, sql) %}
    {%- set partition_by = config.get('partition_by') -%}
    {%- if partition_by %}
        create temporary table {{ temp }} as ({{ sql }});
        create table {{ target }} (like {{ temp }}) partition by range ({{ partition_by }});
        {{ keyed__partitions(target, temp, partition_by) }}
        insert into {{ target }} select * from {{ temp }};
        drop table {{ temp }};
    {%- else %}
        {{ get_create_table_as_sql(False, target, sql) }}
    {%- endif %}
        alter table {{ target }} add primary key ({{ unique_key | join(', ') }});
{% endmacro %}


{% macro keyed__partitions(target, temp, partition_by) %}
        do $partitions$
        begin
            perform ops.ensure_month_partition('{{ target }}'::regclass, first_day)
            from (
                select distinct date_trunc('month', {{ partition_by }}, 'UTC') as first_day
                from {{ temp }}
            ) as months;
        end $partitions$;
{% endmacro %}


{% macro keyed__apply(target, temp, unique_key, columns) %}
    {%- set is_published = target.schema == 'marts_build' -%}
    {%- set compared = columns | reject('in', unique_key + ['_ledger_id']) | list -%}
    {%- set scope = ref(config.get('scope')) if config.get('scope') else none -%}
    {%- set is_whole = config.get('is_whole', false) -%}
    {%- set scope_columns = config.get('scope_columns', []) -%}
    {%- if config.get('partition_by') %}
        {{ keyed__partitions(target, temp, config.get('partition_by')) }}
    {%- endif %}
    analyze {{ temp }};

    {%- if scope or is_whole %}
        with gone as (
            delete from {{ target }} as target
            where
                {%- if scope and scope_columns | sort == unique_key | sort %}
                {#- the few keys that were not built again are known without the target, in which its index finds them #}
                ({% for column in unique_key %}target.{{ column }}{{ ", " if not loop.last }}{% endfor %}) in (
                    select {{ unique_key | join(', ') }} from {{ scope }} as scope
                    where not exists (
                        select 1 from {{ temp }} as built
                        where {% for column in unique_key %}built.{{ column }} = scope.{{ column }}{{ " and " if not loop.last }}{% endfor %}
                    )
                )
                {%- else %}
                {%- if scope %}
                ({% for column in scope_columns %}target.{{ column }}{{ ", " if not loop.last }}{% endfor %}) in (
                    select {{ scope_columns | join(', ') }} from {{ scope }}
                )
                and {% endif %} not exists (
                    select 1 from {{ temp }} as built
                    where {% for column in unique_key %}built.{{ column }} = target.{{ column }}{{ " and " if not loop.last }}{% endfor %}
                )
                {%- endif %}
            returning {% for column in unique_key %}target.{{ column }}{{ ", " if not loop.last }}{% endfor %}
        )
        {%- if is_published %}
        insert into ops.mart_deletions (relation, row_key, ledger_id)
        select '{{ target.identifier }}', to_jsonb(gone), {{ var('ledger_id') }} from gone
        on conflict do nothing;
        {%- else %}
        select count(*) from gone;
        {%- endif %}
    {%- endif %}

    insert into {{ target }} as target ({{ columns | join(', ') }})
    select {{ columns | join(', ') }} from {{ temp }}
    on conflict ({{ unique_key | join(', ') }})
    {%- if compared %}
    do update set {% for column in columns | reject('in', unique_key) %}{{ column }} = excluded.{{ column }}{{ ", " if not loop.last }}{% endfor %}
    where ({% for column in compared %}target.{{ column }}{{ ", " if not loop.last }}{% endfor %})
        is distinct from ({% for column in compared %}excluded.{{ column }}{{ ", " if not loop.last }}{% endfor %});
    {%- else %}
    do nothing;
    {%- endif %}
{% endmacro %}
