{{ config(materialized='table', indexes=[{'columns': ['interaction_key'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per interaction that has changed, or was scored anew, since the last build of the marts. What follows from its contents and
-- its scores alone is worked out again for these; what also depends on time or on its customer's other contacts, for
-- affected_interactions
with

changes as (

    select changes.interaction_key
    from {{ ref('stg_ops__interaction_changes') }} as changes
    cross join (
        select coalesce(max(change_id), 0) as change_id
        from {{ source('ops', 'watermarks') }}
        where step = 'marts'
    ) as watermark
    where changes.change_id > watermark.change_id

)

select distinct interaction_key
from changes
