-- one row per event of the product in mapped tables, in the shape that all sources share
select
    {{ entity_key('events.event_id', 'events.source', 'events.instance') }} as event_key,
    {{ customer_key('events') }} as customer_key,
    events.source,
    events.instance,
    events.event_id,
    events.event_name,
    events.properties,
    events.occurred_at,
    events.received_at,
    events._load_id
from {{ ref('stg_sql__product_events') }} as events
where not events.is_archived
