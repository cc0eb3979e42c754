{{
    config(
        unique_key=['interaction_key', 'subject', 'dimension_id'],
        scope='changed_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per interaction, judged side and dimension, by the active scorer, calibrated where a model is active; not rated is null
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('changed_interactions') }} as changed on interactions.interaction_key = changed.interaction_key

),

scores as (

    select * from {{ ref('stg_scores__dimension_scores') }}

),

models as (

    select * from {{ ref('stg_scores__model_scores') }}

),

final as (

    select
        interactions.interaction_key,
        scores.subject,
        scores.dimension_id,
        case scores.subject
            when 'human_agent' then interactions.primary_human_agent_key
            else interactions.primary_ai_agent_key
        end as agent_key,
        scores.rubric_version,
        coalesce(models.model_id, scores.calibrator_version) as calibrator_version,
        coalesce(models.tier, scores.tier) as tier,
        case when models.model_id is null then scores.evaluator_type else 'model' end as evaluator_type,
        coalesce(models.model_id, scores.evaluator_version) as evaluator_version,
        coalesce(models.score, scores.calibrated_score, scores.raw_score) as score,
        scores.raw_score,
        coalesce(models.score, scores.calibrated_score) as calibrated_score,
        coalesce(models.confidence, scores.confidence) as confidence,
        scores.applicable_indicator_count,
        interactions.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from interactions
    inner join scores
        on
            interactions.started_at = scores.interaction_started_at
            and interactions.interaction_key = scores.interaction_key
            and interactions.input_hash = scores.input_hash
    left join models
        on
            interactions.started_at = models.interaction_started_at
            and interactions.interaction_key = models.interaction_key
            and interactions.input_hash = models.input_hash
            and scores.subject = models.subject
            and scores.dimension_id = models.dimension_id
    where interactions.is_eligible

)

select * from final
