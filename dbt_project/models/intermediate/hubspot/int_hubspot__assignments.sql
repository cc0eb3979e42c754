-- one row per assignment of a ticket that this run works on; null is nobody
select
    messages.source,
    messages.instance,
    messages.ticket_id as interaction_id,
    messages.assigned_to as agent_id,
    null::text as team,
    row_number() over (
        partition by messages.instance, messages.ticket_id order by messages.sent_at, messages.message_id
    ) as position,
    messages.sent_at as assigned_at
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('stg_hubspot__messages') }} as messages
    on
        pending.source = messages.source
        and pending.instance = messages.instance
        and pending.interaction_id = messages.ticket_id
where messages.entry_type = 'ASSIGNMENT' and not messages.is_archived and messages.sent_at is not null
