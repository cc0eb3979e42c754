{{ config(materialized='table', indexes=[{'columns': ['person_key', 'topic'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per person and topic whose issues this run stitches again: an interaction of them is affected, or has left them
select
    person_key,
    topic
from {{ ref('affected_interactions') }}
where person_key is not null and topic is not null

union

select
    changes.previous_person_key as person_key,
    changes.previous_topic as topic
from {{ ref('stg_ops__interaction_changes') }} as changes
cross join (
    select coalesce(max(change_id), 0) as change_id
    from {{ source('ops', 'watermarks') }}
    where step = 'marts'
) as watermark
where
    changes.change_id > watermark.change_id
    and changes.previous_person_key is not null
    and changes.previous_topic is not null
