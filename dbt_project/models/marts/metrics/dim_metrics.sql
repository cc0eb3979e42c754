{{ config(unique_key='metric_id', is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per metric of the registry, in marts/metrics/_metrics__metrics.yml, with what it is for and how it is worked out
with

registered (
    metric_id, label, description, purpose, formula, grain, unit, owner, tier, indicator_type, target_kpi, evaluator_type, semantic_model,
    mart, expression, denominator_expression, slices, place, maturity_stage, direction, is_behavior, in_default_profile
) as (
    {%- for measured in registered_metrics() %}
        {%- set metric = measured.metric %}
        {%- set meta = metric.config.meta %}
        {%- set semantic_model = (measured_models() | selectattr('name', 'equalto', measured.semantic_model) | list)[0] %}

        select
            {{ text_literal(metric.name) }},
            {{ text_literal(metric.label) }},
            {{ text_literal(metric.description) }},
            {{ text_literal(meta.purpose) }},
            {{ text_literal(meta.formula) }},
            {{ text_literal(meta.grain) }},
            {{ text_literal(meta.unit) }},
            {{ text_literal(meta.owner) }},
            {{ text_literal(meta.tier) }},
            {{ text_literal(meta.indicator_type) }},
            {{ text_literal(meta.target_kpi) }},
            {{ text_literal(meta.evaluator_type) }},
            {{ text_literal(measured.semantic_model) }},
            {{ text_literal(semantic_model.model) }},
            {{ text_literal(measured.numerator) }},
            {{ text_literal(measured.denominator) }},
            {{ text_literal(semantic_model.slices | map(attribute='name') | join(' ')) }},
            {{ loop.index }},
            {{ meta.maturity_stage }},
            {{ 1 if meta.direction == 'higher' else -1 }},
            {{ meta.is_behavior | string | lower }},
            {{ meta.in_default_profile | string | lower }}
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- else %}

        select {{ (['null::text'] * 17 + ['null::int'] * 3 + ['null::boolean'] * 2) | join(', ') }} where false
    {%- endfor %}

)

select
    metric_id,
    label,
    description,
    purpose,
    formula,
    grain,
    unit,
    owner,
    tier,
    indicator_type,
    target_kpi,
    evaluator_type,
    semantic_model,
    mart,
    expression,
    denominator_expression,
    slices,
    place,
    maturity_stage,
    direction,
    is_behavior,
    in_default_profile,
    (maturity_stage <= {{ var('metric_maturity_stage') }}) as is_reached,
    {{ var('ledger_id') }}::bigint as _ledger_id
from registered
