-- one row per event of product analytics, in the shape that all sources share
select
    {{ entity_key('events.event_id', 'events.source', 'events.instance') }} as event_key,
    {{ entity_key('events.distinct_id', 'events.source', 'events.instance') }} as customer_key,
    events.source,
    events.instance,
    events.event_id,
    events.event_name,
    events.properties,
    events.occurred_at,
    events.received_at,
    events._load_id
from {{ ref('stg_mixpanel__events') }} as events
