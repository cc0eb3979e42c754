-- one row per ticket that Zendesk has measured: renamed and cast, nothing else
select
    'zendesk' as source,
    instance,
    id as ticket_id,
    {{ try_cast('payload', 'solved_at', 'timestamptz') }} as solved_at,
    _load_id
from {{ source('raw_zendesk', 'metric_sets') }}
