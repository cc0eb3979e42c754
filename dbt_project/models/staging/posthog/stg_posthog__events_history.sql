-- one row per statement of an event that left or was replaced: renamed and cast, nothing else
select
    {{ posthog_event_columns() }},
    events.replaced_by_load_id as _replaced_by_load_id
from {{ source('raw_posthog', 'events_history') }} as events
