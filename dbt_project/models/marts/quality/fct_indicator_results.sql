{{
    config(
        unique_key=['interaction_key', 'subject', 'indicator_id'],
        scope='changed_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per interaction, judged side and indicator: holds, fails or does not apply
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('changed_interactions') }} as changed on interactions.interaction_key = changed.interaction_key

),

indicators as (

    select * from {{ ref('stg_scores__indicator_scores') }}

),

final as (

    select
        interactions.interaction_key,
        indicators.subject,
        indicators.indicator_id,
        case indicators.subject
            when 'human_agent' then interactions.primary_human_agent_key
            else interactions.primary_ai_agent_key
        end as agent_key,
        indicators.indicator_version,
        indicators.dimension_id,
        indicators.outcome,
        indicators.evaluator_type,
        indicators.evaluator_version,
        indicators.due_message_key,
        indicators.confidence,
        indicators.is_critical,
        interactions.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from interactions
    inner join indicators
        on
            interactions.started_at = indicators.interaction_started_at
            and interactions.interaction_key = indicators.interaction_key
            and interactions.input_hash = indicators.input_hash
    where interactions.is_eligible

)

select * from final
