-- one row per change of status of a conversation that this run works on, its beginning included
select
    changes.source,
    changes.instance,
    changes.conversation_id as interaction_id,
    changes.value as status,
    changes.changed_at
from {{ ref('int_intercom__changes') }} as changes
where changes.field = 'status'

union all

select
    conversations.source,
    conversations.instance,
    conversations.conversation_id as interaction_id,
    'open' as status,
    conversations.created_at as changed_at
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('stg_intercom__conversations') }} as conversations
    on
        pending.source = conversations.source
        and pending.instance = conversations.instance
        and pending.interaction_id = conversations.conversation_id
where conversations.created_at is not null
