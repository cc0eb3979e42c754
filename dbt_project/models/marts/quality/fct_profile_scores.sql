{{
    config(
        unique_key=['interaction_key', 'subject', 'profile_id'],
        scope='changed_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per interaction, judged side and goal profile of the active rubric; not rated is null
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('changed_interactions') }} as changed on interactions.interaction_key = changed.interaction_key

),

scores as (

    select * from {{ ref('stg_scores__profile_scores') }}

),

final as (

    select
        interactions.interaction_key,
        scores.subject,
        scores.profile_id,
        case scores.subject
            when 'human_agent' then interactions.primary_human_agent_key
            else interactions.primary_ai_agent_key
        end as agent_key,
        scores.rubric_version,
        scores.tier,
        scores.evaluator_type,
        scores.evaluator_version,
        scores.score,
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
