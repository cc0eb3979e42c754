-- one row per event of mapped tables that is gone, or no longer said to have happened when it was
select
    {{ entity_key('gone.event_id', 'gone.source', 'gone.instance') }} as event_key,
    gone.occurred_at
from {{ ref('stg_sql__product_events_history') }} as gone
left join {{ ref('stg_sql__product_events') }} as present
    on
        gone.instance = present.instance
        and gone.row_id = present.row_id
        and gone.event_id = present.event_id
        and gone.occurred_at = present.occurred_at
        and not present.is_archived
where
    gone._replaced_by_load_id >= (select min(load_id) from {{ ref('pending_loads') }})
    and gone._replaced_by_load_id in (select load_id from {{ ref('pending_loads') }})
    and present.row_id is null
    and gone.occurred_at is not null
