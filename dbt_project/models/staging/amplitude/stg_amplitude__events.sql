-- one row per event of product analytics: renamed and cast, nothing else
select
    {{ amplitude_event_columns() }}
from {{ source('raw_amplitude', 'events') }} as events
