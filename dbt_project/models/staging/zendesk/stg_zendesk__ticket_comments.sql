-- one row per statement of a comment: an audit states it when it is made, and a later one states it again after a redaction
-- (the export of events calls an audit's parts child_events, a ticket's own list events)
{% set casts = {'created_at': 'timestamptz', 'public': 'boolean'} %}

select
    'zendesk' as source,
    audits.instance,
    audits.interaction_id as ticket_id,
    audits.id as audit_id,
    {{ json_text('children.child', 'id') }} as comment_id,
    {{ json_text('children.child', 'author_id') }} as author_id,
    coalesce(
        {{ json_text('children.child', 'body') }},
        {{ json_text('children.child', 'plain_body') }},
        regexp_replace({{ json_text('children.child', 'html_body') }}, '<[^>]*>', ' ', 'g')
    ) as text,
    coalesce(
        {{ json_text("children.child -> 'via'", 'channel') }}, {{ json_text("audits.payload -> 'via'", 'channel') }}
    ) as via_channel,
    {{ json_text("audits.payload -> 'via' -> 'source'", 'rel') }} as via_rel,
    {{ try_cast('children.child', 'id', 'bigint') }} as position,
    {{ try_cast('children.child', 'public', 'boolean') }} as is_public,
    coalesce(
        {{ try_cast('children.child', 'created_at', 'timestamptz') }},
        {{ try_cast('audits.payload', 'created_at', 'timestamptz') }}
    ) as sent_at,
    coalesce(
        {{ try_cast('audits.payload', 'created_at', 'timestamptz') }}, {{ try_cast('audits.payload', 'timestamp', 'epoch') }}
    ) as stated_at,
    {{ cast_errors('children.child', casts) }} as _cast_errors,
    audits._load_id,
    audits._loaded_at
from {{ source('raw_zendesk', 'ticket_events') }} as audits
cross join lateral {{ json_elements("coalesce(audits.payload -> 'child_events', audits.payload -> 'events')") }} as children (child)
where
    coalesce({{ json_text('children.child', 'event_type') }}, {{ json_text('children.child', 'type') }})
    in ('Comment', 'VoiceComment')
    -- without the side-load of comments an event says only that there is one
    and {{ json_value('children.child', 'comment_present') }} is null
