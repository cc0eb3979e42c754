{{ config(materialized='table', indexes=[{'columns': ['interaction_date'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per ledger day whose questions to AI agents this run counts again: one of them, or a sign of its failure, has changed since
-- the last build of the marts, or an interaction left the day
with

last_build as (

    select
        coalesce(max(run_id), 0) as run_id,
        coalesce(max(change_id), 0) as change_id
    from {{ source('ops', 'watermarks') }}
    where step = 'marts'

),

final as (

    select questions.interaction_date
    from {{ ref('ai_questions') }} as questions
    inner join last_build on questions._ledger_id > last_build.run_id

    union

    select signals.interaction_date
    from {{ ref('gap_signals') }} as signals
    inner join last_build on signals._ledger_id > last_build.run_id

    union

    select unnest(array[affected.interaction_date, changes.previous_interaction_date]) as interaction_date
    from {{ ref('stg_ops__interaction_changes') }} as changes
    inner join last_build on changes.change_id > last_build.change_id
    inner join {{ ref('affected_interactions') }} as affected on changes.interaction_key = affected.interaction_key

)

select interaction_date from final
where interaction_date is not null
