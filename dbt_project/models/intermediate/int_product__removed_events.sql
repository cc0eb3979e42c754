{{ config(materialized='steady_view') }}
-- one row per event of product analytics that its vendor no longer states when its day is read again
select
    event_key,
    occurred_at
from {{ ref('int_sources__removed_product_events') }}
