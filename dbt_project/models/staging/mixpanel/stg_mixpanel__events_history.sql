-- one row per statement of an event that left or was replaced: renamed and cast, nothing else
select
    {{ mixpanel_event_columns() }},
    events.replaced_by_load_id as _replaced_by_load_id
from {{ source('raw_mixpanel', 'events_history') }} as events
left join {{ source('ops', 'source_options') }} as configured
    on
        events.instance = configured.instance
        and configured.source = 'mixpanel'
