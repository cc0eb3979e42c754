-- one row per assignment of a conversation that this run works on; null is nobody
select
    assignments.source,
    assignments.instance,
    assignments.interaction_id,
    assignments.agent_id,
    assignments.team,
    row_number() over (
        partition by assignments.instance, assignments.interaction_id order by assignments.assigned_at, assignments.row_id
    ) as position,
    assignments.assigned_at
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('stg_sql__assignments') }} as assignments
    on
        pending.source = assignments.source
        and pending.instance = assignments.instance
        and pending.interaction_id = assignments.interaction_id
where not assignments.is_archived
