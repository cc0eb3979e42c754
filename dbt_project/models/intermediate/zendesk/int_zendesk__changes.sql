{{
    config(
        materialized='table',
        indexes=[{'columns': ['instance', 'ticket_id', 'field']}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per change of a field of a ticket that this run works on, in the order in which they happened
select
    changes.source,
    changes.instance,
    changes.ticket_id,
    changes.audit_id,
    changes.updater_id,
    changes.field,
    changes.value,
    changes.previous_value,
    row_number() over (
        partition by changes.instance, changes.ticket_id order by changes.changed_at, changes.audit_number, changes.ordinal
    ) as position,
    changes.changed_at
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('stg_zendesk__ticket_changes') }} as changes
    on
        pending.source = changes.source
        and pending.instance = changes.instance
        and pending.interaction_id = changes.ticket_id
where changes.changed_at is not null
