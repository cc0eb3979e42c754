-- one row per statement of an event that left or was replaced, in the shape that all sources share
select
    {{ entity_key('events.distinct_id', 'events.source', 'events.instance') }} as customer_key,
    events.event_name,
    events.occurred_at,
    events._replaced_by_load_id
from {{ ref('stg_mixpanel__events_history') }} as events
