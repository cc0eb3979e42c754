{{ config(materialized='table', indexes=[{'columns': ['period_start'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per month whose intents this run works out again: a fact of it changed, or an interaction of it was labelled since the last
-- build
select period_start
from {{ ref('affected_periods') }}
where period_type = 'month'

union

select distinct date_trunc('month', interactions.interaction_date)::date as period_start
from {{ ref('stg_feedback__intent_labels') }} as labels
inner join {{ ref('interactions') }} as interactions on labels.interaction_key = interactions.interaction_key
where
    labels.run_id > (
        select coalesce(max(run_id), 0) as run_id
        from {{ source('ops', 'watermarks') }}
        where step = 'marts'
    )
