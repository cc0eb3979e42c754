-- one row per statement of an event that left or was replaced: renamed and cast, nothing else
select
    {{ amplitude_event_columns() }},
    events.replaced_by_load_id as _replaced_by_load_id
from {{ source('raw_amplitude', 'events_history') }} as events
