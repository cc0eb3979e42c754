{{ config(materialized='table', indexes=[{'columns': ['work_month'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per month whose work this run sums again: a row of it changed since the last build that succeeded, or left it
with

last_build as (

    select coalesce(max(run_id), 0) as run_id
    from {{ source('ops', 'watermarks') }}
    where step = 'marts'

)

select work.work_month
from {{ ref('fct_episode_work') }} as work
inner join last_build on work._ledger_id > last_build.run_id

union

-- an issue that is known to have begun earlier takes its work to another month, and its old rows out of this one
select (deletions.row_key ->> 'work_month')::date as work_month
from {{ source('ops', 'mart_deletions') }} as deletions
inner join last_build on deletions.ledger_id > last_build.run_id
where deletions.relation = 'fct_episode_work'
