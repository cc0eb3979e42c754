-- one row per event of product analytics: renamed and cast, nothing else
select
    {{ mixpanel_event_columns() }}
from {{ source('raw_mixpanel', 'events') }} as events
left join {{ source('ops', 'source_options') }} as configured
    on
        events.instance = configured.instance
        and configured.source = 'mixpanel'
