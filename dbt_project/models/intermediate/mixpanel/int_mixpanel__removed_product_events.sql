-- one row per event that Mixpanel no longer states when its day is read again
select
    {{ entity_key('gone.event_id', 'gone.source', 'gone.instance') }} as event_key,
    gone.occurred_at
from {{ ref('stg_mixpanel__events_history') }} as gone
left join {{ ref('stg_mixpanel__events') }} as present
    on
        gone.instance = present.instance
        and gone.event_id = present.event_id
where
    gone._replaced_by_load_id >= (select min(load_id) from {{ ref('pending_loads') }})
    and gone._replaced_by_load_id in (select load_id from {{ ref('pending_loads') }})
    and present.event_id is null
    and gone.occurred_at is not null
