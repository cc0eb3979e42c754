-- one row per audit of a ticket: renamed and cast, nothing else
select
    'zendesk' as source,
    instance,
    interaction_id as ticket_id,
    id as audit_id,
    coalesce({{ try_cast('payload', 'created_at', 'timestamptz') }}, {{ try_cast('payload', 'timestamp', 'epoch') }}) as created_at,
    _load_id
from {{ source('raw_zendesk', 'ticket_events') }}
