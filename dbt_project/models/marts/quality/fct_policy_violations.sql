{{
    config(
        unique_key=['interaction_key', 'subject', 'indicator_id'],
        scope='changed_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['agent_key', 'interaction_date']}, {'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per interaction, judged side and violated policy: a critical indicator that failed, or a prohibition of the rubric's
-- dimension of process and policy
with

results as (

    select results.*
    from {{ ref('fct_indicator_results') }} as results
    inner join {{ ref('changed_interactions') }} as changed on results.interaction_key = changed.interaction_key
    where results.outcome = 'fails'

),

indicators as (

    select
        indicators.indicator_id,
        indicators.title,
        indicators.is_critical,
        {{ json_text('dimensions.definition', 'role') }} as dimension_role,
        {{ json_text('indicators.definition', 'detector') }} as detector
    from {{ ref('stg_scores__rubric_indicators') }} as indicators
    inner join {{ ref('stg_scores__rubric_dimensions') }} as dimensions on indicators.dimension_id = dimensions.dimension_id

),

policies as (

    select
        indicator_id,
        title
    from indicators
    where
        is_critical
        or (
            dimension_role = 'script'
            and detector in (
                {% for name in var('policy_detectors') %}
                    '{{ name }}'{{ "," if not loop.last }}
                {% endfor %}
            )
        )

),

evidence as (

    select * from {{ ref('fct_evidence') }}
    where evidence_ordinal = 1

),

final as (

    select
        results.interaction_key,
        results.subject,
        results.indicator_id,
        results.agent_key,
        coalesce(evidence.message_key, results.due_message_key) as message_key,
        results.indicator_version,
        results.dimension_id,
        policies.title as indicator_title,
        results.evaluator_type,
        evidence.start_offset,
        evidence.end_offset,
        results.confidence,
        results.is_critical,
        results.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from results
    inner join policies on results.indicator_id = policies.indicator_id
    left join evidence
        on
            results.interaction_key = evidence.interaction_key
            and results.subject = evidence.subject
            and results.indicator_id = evidence.indicator_id

)

select * from final
