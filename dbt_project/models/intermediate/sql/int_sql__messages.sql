-- one row per message of mapped tables that this run works on, in the shape that all sources share; what was refused is told by its
-- conversation
select
    messages.*,
    case when messages.actor <> 'customer' then messages.actor_name end as stated_actor_name,
    messages.actor_id as author_id
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('stg_sql__messages') }} as messages
    on
        pending.source = messages.source
        and pending.instance = messages.instance
        and pending.interaction_id = messages.interaction_id
where messages.refused_code is null and not messages.is_archived
