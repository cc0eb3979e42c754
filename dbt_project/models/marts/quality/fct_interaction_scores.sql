{{
    config(
        unique_key=['interaction_key', 'subject'],
        scope='changed_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['agent_key', 'interaction_date']}, {'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per interaction and judged side, by the active scorer, calibrated where a model is active
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('changed_interactions') }} as changed on interactions.interaction_key = changed.interaction_key

),

scores as (

    select * from {{ ref('stg_scores__interaction_scores') }}

),

overall as (

    select * from {{ ref('stg_scores__model_scores') }}
    where dimension_id = 'overall'

),

weights as materialized (

    select * from {{ ref('stg_scores__rubric_dimensions') }}

),

profiles as materialized (

    select * from {{ ref('stg_scores__rubric_profiles') }}

),

joined as (

    select
        scores.*,
        interactions.primary_human_agent_key,
        interactions.primary_ai_agent_key,
        interactions.interaction_date,
        coalesce(overall.model_id, calibrated.calibrator_version) as model_id,
        overall.tier as overall_tier,
        coalesce(overall.confidence, scores.confidence) as shown_confidence,
        -- the total that people's totals have taught, else the weighted mean of the dimensions as they are shown
        case
            when overall.score is null and calibrated.total_score is null then null
            when scores.is_critical_failure then 0
            else coalesce(overall.score, calibrated.total_score)
        end as calibrated_total_score
    from interactions
    inner join scores
        on
            interactions.started_at = scores.interaction_started_at
            and interactions.interaction_key = scores.interaction_key
            and interactions.input_hash = scores.input_hash
    left join overall
        on
            interactions.started_at = overall.interaction_started_at
            and interactions.interaction_key = overall.interaction_key
            and interactions.input_hash = overall.input_hash
            and scores.subject = overall.subject
    left join profiles on scores.profile_id = profiles.profile_id
    -- of what an active model has calibrated: dimensions as they are shown, with the weights that made the total (of the profile, else
    -- of the day). By side, and not as a set: the planner takes the join of interactions and scores for a single row
    left join
        lateral (
            select
                max(dimensions.calibrator_version) filter (where dimensions.calibrated_score is not null) as calibrator_version,
                sum(weighed.weight * dimensions.score) / sum(weighed.weight) filter (where dimensions.score is not null)
                    as total_score
            from {{ ref('fct_dimension_scores') }} as dimensions
            inner join weights on dimensions.dimension_id = weights.dimension_id
            left join
                lateral (
                    select (period ->> 'weight')::double precision as weight
                    from jsonb_array_elements(weights.weight_periods) as period
                    order by
                        case when (period ->> 'valid_from')::date <= dimensions.interaction_date then (period ->> 'valid_from')::date end
                        desc nulls last,
                        (period ->> 'valid_from')::date
                    limit 1
                ) as periods
                on true
            cross join
                lateral (
                    select
                        coalesce(
                            (profiles.weights ->> dimensions.dimension_id)::double precision,
                            periods.weight,
                            weights.weight::double precision
                        ) as weight
                ) as weighed
            where
                dimensions.interaction_key = scores.interaction_key
                and dimensions.subject = scores.subject
            having bool_or(dimensions.calibrated_score is not null)
        ) as calibrated
        on true
    where interactions.is_eligible

),

final as (

    select
        interaction_key,
        subject,
        case subject
            when 'human_agent' then primary_human_agent_key
            else primary_ai_agent_key
        end as agent_key,
        scorer_version,
        rubric_version,
        coalesce(model_id, calibrator_version) as calibrator_version,
        case
            when calibrated_total_score is null then tier
            when is_critical_failure or overall_tier is null then {{ tier_of('calibrated_total_score') }}
            else overall_tier
        end as tier,
        profile_id,
        unrated_reason,
        language as judged_language,
        complexity,
        baseline_id,
        case when model_id is null then evaluator_type else 'model' end as evaluator_type,
        coalesce(model_id, evaluator_version) as evaluator_version,
        weighted_score,
        coalesce(calibrated_total_score, total_score) as total_score,
        total_score as raw_total_score,
        calibrated_total_score,
        shown_confidence as confidence,
        handle_minutes as judged_handle_minutes,
        expected_handle_minutes,
        expected_turn_count,
        turn_count as judged_turn_count,
        baseline_n,
        rated_dimension_count,
        is_critical_failure,
        interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from joined

)

select * from final
