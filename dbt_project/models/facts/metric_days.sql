{{
    config(
        unique_key=['semantic_model', 'metric_date', 'metric_id', 'slice_type', 'slice_value'],
        scope='affected_metric_days',
        scope_columns=['semantic_model', 'metric_date'],
        indexes=[]
    )
}}
-- one row per metric of the registry, day and slice: the sums that its value over any days is made of. The SQL follows from the semantic
-- models. Means are kept as sums, so that a week or a month reads its days and not its facts
-- depends_on: {{ ref('fct_interactions') }}, {{ ref('fct_issues') }}, {{ ref('fct_ai_episodes') }}, {{ ref('fct_ai_answers') }}
-- depends_on: {{ ref('fct_handoffs') }}, {{ ref('fct_satisfaction_signals') }}, {{ ref('rpt_agent_behaviors_daily') }}
-- depends_on: {{ ref('fct_interaction_intents') }}, {{ ref('rpt_knowledge_gaps_weekly') }}, {{ ref('rpt_service_daily') }}
-- depends_on: {{ ref('rpt_backlog_daily') }}
with
{% for semantic_model in measured_models() %}
    {{ metric_days_of(semantic_model, ref('affected_metric_days')) }},
{% endfor %}
final as (
    {%- for semantic_model in measured_models() %}

        select * from {{ semantic_model.name }}_values
        union all
    {%- endfor %}

    select
        semantic_model,
        metric_date,
        null::text as slice_type,
        null::text as slice_value,
        null::text as metric_id,
        null::numeric as numerator,
        null::numeric as denominator,
        null::bigint as n,
        null::numeric as square_sum
    from {{ ref('affected_metric_days') }}
    where false

)

select * from final
