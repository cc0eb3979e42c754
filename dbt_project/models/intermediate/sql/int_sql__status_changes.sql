-- one row per change of status of a conversation that this run works on
select changes.*
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('stg_sql__status_changes') }} as changes
    on
        pending.source = changes.source
        and pending.instance = changes.instance
        and pending.interaction_id = changes.interaction_id
where not changes.is_archived
