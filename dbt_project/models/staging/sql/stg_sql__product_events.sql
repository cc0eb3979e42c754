-- one row per event of the product: renamed and cast, nothing else
select
    {{ sql_event_columns() }}
from {{ source('raw_sql', 'product_events') }}
