-- one row per audit and field of a ticket that it sets or changes: renamed and cast, nothing else
select
    'zendesk' as source,
    audits.instance,
    audits.interaction_id as ticket_id,
    audits.id as audit_id,
    {{ json_text('audits.payload', 'updater_id') }} as updater_id,
    fields.field,
    fields.value #>> '{}' as value,
    {{ json_text('children.child', 'previous_value') }} as previous_value,
    {{ try_cast('audits.payload', 'id', 'bigint') }} as audit_number,
    children.ordinal,
    coalesce(
        {{ try_cast('audits.payload', 'created_at', 'timestamptz') }}, {{ try_cast('audits.payload', 'timestamp', 'epoch') }}
    ) as changed_at,
    audits._load_id
from {{ source('raw_zendesk', 'ticket_events') }} as audits
cross join lateral {{ json_elements("audits.payload -> 'child_events'") }} with ordinality as children (child, ordinal)
cross join
    lateral jsonb_each(case when jsonb_typeof(children.child) = 'object' then children.child else '{}' end)
        as fields (field, value)
where
    {{ json_text('children.child', 'event_type') }} in ('Create', 'Change')
    and (fields.field in ('status', 'assignee_id', 'group_id') or fields.field like 'custom\_fields\_%')
