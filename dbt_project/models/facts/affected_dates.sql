{{ config(materialized='table', indexes=[{'columns': ['interaction_date'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per ledger day whose sums this run works out again
select interaction_date
from {{ ref('affected_interactions') }}
where interaction_date is not null

union

select changes.previous_interaction_date as interaction_date
from {{ ref('stg_ops__interaction_changes') }} as changes
inner join {{ ref('affected_interactions') }} as affected on changes.interaction_key = affected.interaction_key
where changes.previous_interaction_date is not null
