{{
    config(
        unique_key=['occurred_at', 'event_key'],
        partition_by='occurred_at',
        scope='int_product__removed_events',
        scope_columns=['occurred_at', 'event_key'],
        indexes=[{'columns': ['customer_key', 'occurred_at']}]
    )
}}
-- depends_on: {{ ref('int_product__removed_events') }}
-- one row per event of product analytics; what a day brings is what its loads brought
select
    events.event_key,
    events.customer_key,
    events.source,
    events.instance,
    events.event_id,
    events.event_name,
    events.properties,
    events.occurred_at,
    events.received_at
from {{ ref('int_sources__product_events') }} as events
where
    events.occurred_at is not null
    and {{ is_pending('events') }}
