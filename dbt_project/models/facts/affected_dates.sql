{{ config(materialized='table', indexes=[{'columns': ['interaction_date'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per ledger day whose sums this run works out again: a row of a fact changed on it since the last build that succeeded,
-- or an interaction left it. The run works out many more facts than it changes; only changed ones reach the sums.
with

last_build as (

    select
        coalesce(max(run_id), 0) as run_id,
        coalesce(max(change_id), 0) as change_id
    from {{ source('ops', 'watermarks') }}
    where step = 'marts'

),

affected as (

    select * from {{ ref('affected_interactions') }}

),

final as (
    {%- for fact in [
        'fct_interactions',
        'fct_interaction_scores',
        'fct_dimension_scores',
        'fct_indicator_results',
        'fct_outcome_definitions',
        'fct_ai_episodes',
        'fct_ai_answers',
        'fct_handoffs',
        'fct_interaction_intents',
        'fct_satisfaction_signals',
    ] %}

        select {{ fact }}.interaction_date
        from {{ ref(fact) }} as {{ fact }}
        inner join last_build on {{ fact }}._ledger_id > last_build.run_id
        where {{ fact }}.interaction_date is not null

        union
    {%- endfor %}

    -- what these changes deleted or moved away was counted where the interaction was and where it is
    select unnest(array[affected.interaction_date, changes.previous_interaction_date]) as interaction_date
    from {{ ref('stg_ops__interaction_changes') }} as changes
    inner join last_build on changes.change_id > last_build.change_id
    inner join affected on changes.interaction_key = affected.interaction_key

)

select interaction_date from final
where interaction_date is not null
