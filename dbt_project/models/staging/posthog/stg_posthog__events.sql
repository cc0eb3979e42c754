-- one row per event of product analytics: renamed and cast, nothing else
select
    {{ posthog_event_columns() }}
from {{ source('raw_posthog', 'events') }} as events
