{#
    What the registry of metrics says, for the models that are made of it: dim_metrics, metric_days and what follows. The registry is
    metrics and semantic models in marts/metrics; nothing here names a metric. While dbt parses, the registry is not there yet, and the
    lists are empty.
#}

{# Metrics of the registry, in the order in which a page shows them: those of a tier, behaviours first, by name. A metric without a tier
   is a part of another one. #}
{% macro registered_metrics() -%}
    {%- set found = [] -%}
    {%- for tier in ['primary', 'secondary', 'diagnostic'] -%}
        {%- for is_behavior in [true, false] -%}
            {%- for metric in (graph.metrics.values() if execute else []) | sort(attribute='name') -%}
                {%- set meta = metric.config.meta -%}
                {%- if meta.get('tier') == tier and meta.get('is_behavior') == is_behavior -%}
                    {%- do found.append(measured_metric(metric)) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# A metric with what it is measured on: kind is mean, ratio or sum, the expressions are SQL over the rows of the semantic model. #}
{% macro measured_metric(metric) -%}
    {%- set params = metric.type_params -%}
    {%- if metric.type == 'ratio' -%}
        {%- set numerator = measure_of_metric(params.numerator.name) -%}
        {%- set denominator = measure_of_metric(params.denominator.name) -%}
        {%- if numerator.semantic_model != denominator.semantic_model or numerator.agg != 'sum' or denominator.agg != 'sum' -%}
            {{ exceptions.raise_compiler_error(
                "metric " ~ metric.name ~ ": numerator and denominator are not sums of one semantic model. Write both as sums over its rows."
            ) }}
        {%- endif -%}
        {{ return({
            'metric': metric, 'kind': 'ratio', 'semantic_model': numerator.semantic_model,
            'numerator': numerator.expr, 'denominator': denominator.expr,
        }) }}
    {%- elif metric.type == 'simple' and not metric.filter -%}
        {%- set measure = measure_of(params.measure.name) -%}
        {%- if measure.agg not in ['average', 'sum'] -%}
            {{ exceptions.raise_compiler_error(
                "metric " ~ metric.name ~ ": its measure is a " ~ measure.agg ~ ", which days cannot be added up from. Use average or sum."
            ) }}
        {%- endif -%}
        {{ return({
            'metric': metric, 'kind': 'mean' if measure.agg == 'average' else 'sum', 'semantic_model': measure.semantic_model,
            'numerator': measure.expr, 'denominator': none,
        }) }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error(
        "metric " ~ metric.name ~ ": a registered metric is simple without a filter, or a ratio. Say in the measure whom it counts."
    ) }}
{%- endmacro %}

{% macro measure_of_metric(name) -%}
    {%- for metric in graph.metrics.values() if metric.name == name -%}
        {{ return(measure_of(metric.type_params.measure.name)) }}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error("there is no metric " ~ name ~ ". Give its measure create_metric: true.") }}
{%- endmacro %}

{% macro measure_of(name) -%}
    {%- for semantic_model in graph.semantic_models.values() -%}
        {%- for measure in semantic_model.measures if measure.name == name -%}
            {{ return({
                'agg': measure.agg, 'expr': measure.expr or measure.name, 'semantic_model': semantic_model.name,
                'description': measure.description,
            }) }}
        {%- endfor -%}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error("there is no measure " ~ name ~ ".") }}
{%- endmacro %}

{# Semantic models that a registered metric is measured on: name, model, column of the day, slices as (name, SQL), metrics. #}
{% macro measured_models() -%}
    {%- set metrics = registered_metrics() -%}
    {%- set found = [] -%}
    {%- for semantic_model in (graph.semantic_models.values() if execute else []) | sort(attribute='name') -%}
        {%- set own = metrics | selectattr('semantic_model', 'equalto', semantic_model.name) | list -%}
        {%- set day = semantic_model.defaults.agg_time_dimension -%}
        {%- set slices = [] -%}
        {%- for dimension in semantic_model.dimensions if dimension.type == 'categorical' -%}
            {%- do slices.append({'name': dimension.name, 'expr': dimension.expr or dimension.name}) -%}
        {%- endfor -%}
        {%- if own -%}
            {%- do found.append({
                'name': semantic_model.name, 'model': semantic_model.model.split("'")[1], 'day': day, 'slices': slices, 'metrics': own,
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# Whether a number of 0 and 1 is averaged: then its sum is a count, and its interval Wilson's. #}
{% macro is_share(metric) -%}
    {{ return(metric.metric.config.meta.get('unit') == 'share') }}
{%- endmacro %}

{# Sums that a metric needs of each group of rows, for a select; names end in the metric's. Sums of decimals do not depend on the order
   of their rows. #}
{% macro metric_sums(metric) -%}
    {%- set name = metric.metric.name -%}
    {%- if metric.kind == 'mean' and is_share(metric) -%}
        sum({{ name }}) as total_{{ name }},
        count({{ name }}) as n_{{ name }}
    {%- elif metric.kind == 'mean' -%}
        sum({{ name }}) as total_{{ name }},
        count({{ name }}) as n_{{ name }},
        sum({{ name }} * {{ name }}) as squares_{{ name }}
    {%- elif metric.kind == 'ratio' -%}
        sum({{ name }}) as total_{{ name }},
        sum(under_{{ name }}) as n_{{ name }}
    {%- else -%}
        sum({{ name }}) as total_{{ name }},
        sum({{ name }}) as n_{{ name }}
    {%- endif -%}
{%- endmacro %}

{# The row of values of a metric over those sums: metric_id, numerator, denominator, n, sum of squares. #}
{% macro metric_value_row(metric) -%}
    {%- set name = metric.metric.name -%}
    (
        '{{ name }}', total_{{ name }}::numeric, {{ 'null' if metric.kind == 'sum' else 'n_' ~ name }}::numeric, n_{{ name }}::bigint,
        {{ 'squares_' ~ name if metric.kind == 'mean' and not is_share(metric) else 'null' }}::numeric
    )
{%- endmacro %}

{# CTEs with the sums of one semantic model by day and slice, ending in <name>_values. `affected` is the relation of its days. #}
{% macro metric_days_of(semantic_model, affected) -%}
{{ semantic_model.name }}_rows as (

    select
        facts.{{ semantic_model.day }}::date as metric_date
        {%- for slice in semantic_model.slices %},
            ({{ slice.expr }})::text as slice_{{ slice.name }}
        {%- endfor %}
        {%- for metric in semantic_model.metrics %},
            ({{ metric.numerator }}){{ '' if is_share(metric) else '::numeric' }} as {{ metric.metric.name }}
            {%- if metric.kind == 'ratio' %},
                ({{ metric.denominator }}) as under_{{ metric.metric.name }}
            {%- endif %}
        {%- endfor %}
    from {{ affected }} as affected
    inner join {{ ref(semantic_model.model) }} as facts on affected.metric_date = facts.{{ semantic_model.day }}
    where affected.semantic_model = '{{ semantic_model.name }}'

),

{{ semantic_model.name }}_sums as (

    select
        metric_date,
        {%- if semantic_model.slices %}
        case
            {%- for slice in semantic_model.slices %}
                when grouping(slice_{{ slice.name }}) = 0 then '{{ slice.name }}'
            {%- endfor %}
            else 'all'
        end as slice_type,
        {%- else %}
        'all' as slice_type,
        {%- endif %}
        coalesce({% for slice in semantic_model.slices %}slice_{{ slice.name }}, {% endfor %}'all') as slice_value
        {%- for metric in semantic_model.metrics %},
        {{ metric_sums(metric) }}
        {%- endfor %}
    from {{ semantic_model.name }}_rows
    group by grouping sets (
        (metric_date){% for slice in semantic_model.slices %}, (metric_date, slice_{{ slice.name }}){% endfor %}
    )
    having
        {%- for slice in semantic_model.slices %}
        (grouping(slice_{{ slice.name }}) = 1 or slice_{{ slice.name }} is not null){{ " and" if not loop.last }}
        {%- else %}
        true
        {%- endfor %}

),

{{ semantic_model.name }}_values as (

    select
        '{{ semantic_model.name }}' as semantic_model,
        sums.metric_date,
        sums.slice_type,
        sums.slice_value,
        metrics.*
    from {{ semantic_model.name }}_sums as sums
    cross join
        lateral (
            values
            {%- for metric in semantic_model.metrics %}
            {{ metric_value_row(metric) }}{{ "," if not loop.last }}
            {%- endfor %}
        ) as metrics (metric_id, numerator, denominator, n, square_sum)
    where metrics.n > 0

)
{%- endmacro %}

{# Columns value, ci_low and ci_high of a metric from numerator, denominator, n, square_sum and its unit in dim_metrics. #}
{% macro metric_estimate(sums, unit) -%}
    ({{ sums }}.numerator / coalesce({{ sums }}.denominator, 1))::double precision as value,
    case
        when {{ unit }} = 'share' then {{ wilson_bound(sums ~ '.numerator', sums ~ '.denominator', '-') }}
        when {{ sums }}.square_sum is not null then
            ({{ sums }}.numerator / {{ sums }}.denominator)::double precision
            - {{ mean_half_width(stddev_of_sums(sums ~ '.n', sums ~ '.numerator', sums ~ '.square_sum'), sums ~ '.n') }}
    end as ci_low,
    case
        when {{ unit }} = 'share' then {{ wilson_bound(sums ~ '.numerator', sums ~ '.denominator', '+') }}
        when {{ sums }}.square_sum is not null then
            ({{ sums }}.numerator / {{ sums }}.denominator)::double precision
            + {{ mean_half_width(stddev_of_sums(sums ~ '.n', sums ~ '.numerator', sums ~ '.square_sum'), sums ~ '.n') }}
    end as ci_high
{%- endmacro %}

{# A text of the registry as a literal. #}
{% macro text_literal(value) -%}
    {{ "null::text" if value is none else "'" ~ (value | string | replace("'", "''")) ~ "'::text" }}
{%- endmacro %}
