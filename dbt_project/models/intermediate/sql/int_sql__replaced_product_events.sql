-- one row per statement of an event of mapped tables that was replaced, in the shape that all sources share
select
    {{ customer_key('events') }} as customer_key,
    events.event_name,
    events.occurred_at,
    events._replaced_by_load_id
from {{ ref('stg_sql__product_events_history') }} as events
