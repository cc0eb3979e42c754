-- one row per audit and field of a ticket that it sets or changes: renamed and cast, nothing else
select
    'zendesk' as source,
    audits.instance,
    audits.interaction_id as ticket_id,
    audits.id as audit_id,
    coalesce({{ json_text('audits.payload', 'updater_id') }}, {{ json_text('audits.payload', 'author_id') }}) as updater_id,
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
cross join
    lateral {{ json_elements("coalesce(audits.payload -> 'child_events', audits.payload -> 'events')") }}
    with ordinality as children (child, ordinal)
-- the export of events has a key for each field, a ticket's own list of audits names the field and has its value beside it
cross join
    lateral jsonb_each(
        case
            when jsonb_typeof(children.child) <> 'object' then '{}'
            when {{ json_text('children.child', 'field_name') }} is null then children.child
            else jsonb_build_object(
                regexp_replace({{ json_text('children.child', 'field_name') }}, '^([0-9]+)$', 'custom_fields_\1'),
                {{ json_value('children.child', 'value') }}
            )
        end
    ) as fields (field, value)
where
    coalesce({{ json_text('children.child', 'event_type') }}, {{ json_text('children.child', 'type') }}) in ('Create', 'Change')
    and (fields.field in ('status', 'assignee_id', 'group_id') or fields.field like 'custom\_fields\_%')
