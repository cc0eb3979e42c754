-- one row per ticket that the list of deleted tickets has named: renamed and cast, nothing else
select
    'zendesk' as source,
    instance,
    id as ticket_id,
    {{ try_cast('payload', 'deleted_at', 'timestamptz') }} as deleted_at,
    _load_id
from {{ source('raw_zendesk', 'deleted_tickets') }}
