{{ config(materialized='table', indexes=[{'columns': ['interaction_key'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per interaction that is noted as changed since core was last built
with

changes as (

    select * from {{ source('ops', 'interaction_changes') }}

),

watermark as (

    select coalesce(max(change_id), 0) as change_id
    from {{ source('ops', 'watermarks') }}
    where step = 'core'

),

final as (

    select
        changes.interaction_key,
        max(changes.source) as source,
        max(changes.instance) as instance,
        max(changes.interaction_id) as interaction_id
    from changes
    inner join watermark on changes.change_id > watermark.change_id
    -- what scoring notes changes no raw row
    where changes.interaction_id is not null
    group by changes.interaction_key

)

select * from final
