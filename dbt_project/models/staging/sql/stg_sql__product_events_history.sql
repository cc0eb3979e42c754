-- one row per statement of an event that was replaced: renamed and cast, nothing else
select
    {{ sql_event_columns() }},
    replaced_by_load_id as _replaced_by_load_id
from {{ source('raw_sql', 'product_events_history') }}
