{{
    config(
        unique_key=['interaction_key', 'subject'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['agent_key', 'interaction_date']}, {'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per interaction and judged side, by the active scorer
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('affected_interactions') }} as affected on interactions.interaction_key = affected.interaction_key

),

scores as (

    select * from {{ ref('stg_scores__interaction_scores') }}

),

final as (

    select
        interactions.interaction_key,
        scores.subject,
        case scores.subject
            when 'human_agent' then interactions.primary_human_agent_key
            else interactions.primary_ai_agent_key
        end as agent_key,
        scores.scorer_version,
        scores.rubric_version,
        scores.calibrator_version,
        scores.tier,
        scores.profile_id,
        scores.unrated_reason,
        scores.language as judged_language,
        scores.complexity,
        scores.baseline_id,
        scores.evaluator_type,
        scores.evaluator_version,
        scores.weighted_score,
        scores.total_score,
        scores.confidence,
        scores.handle_minutes as judged_handle_minutes,
        scores.expected_handle_minutes,
        scores.expected_turn_count,
        scores.turn_count as judged_turn_count,
        scores.baseline_n,
        scores.rated_dimension_count,
        scores.is_critical_failure,
        interactions.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from interactions
    inner join scores
        on
            interactions.started_at = scores.interaction_started_at
            and interactions.interaction_key = scores.interaction_key
            and interactions.input_hash = scores.input_hash
    where interactions.is_eligible

)

select * from final
