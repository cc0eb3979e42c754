{{ config(materialized='table', indexes=[{'columns': ['period_start'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per month whose review reports this run works out again: its agreement was measured again since the last build, or a
-- fact of it changed
select inputs.period_start
from {{ ref('stg_derived__agreement_inputs') }} as inputs
where
    inputs.run_id > (
        select coalesce(max(run_id), 0) as run_id
        from {{ source('ops', 'watermarks') }}
        where step = 'marts'
    )

union

select periods.period_start
from {{ ref('affected_periods') }} as periods
where periods.period_type = 'month'

union

-- a judgement of today is about an interaction of another month
select distinct date_trunc('month', interactions.interaction_date)::date as period_start
from {{ ref('stg_feedback__human_reviews') }} as reviews
inner join {{ ref('interactions') }} as interactions on reviews.interaction_key = interactions.interaction_key
where
    reviews.run_id > (
        select coalesce(max(run_id), 0) as run_id
        from {{ source('ops', 'watermarks') }}
        where step = 'marts'
    )
