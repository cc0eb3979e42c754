{{ config(materialized='steady_view') }}
-- one row per message of a ticket that this run works on, in the shape that all sources share: its description, which is what was
-- said first, and its replies and notes
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'freshdesk'

),

-- what was written waits for its ticket, whose landing brings it back
tickets as (

    select tickets.*
    from pending
    inner join {{ ref('stg_freshdesk__tickets') }} as tickets
        on
            pending.instance = tickets.instance
            and pending.interaction_id = tickets.ticket_id

),

written as (

    select
        source,
        instance,
        ticket_id,
        'description:' || ticket_id as message_id,
        -- outbound e-mail is written to the requester
        case when source_code = '10' then responder_id else requester_id end as author_id,
        description as text,
        0::bigint as position,
        coalesce(source_code <> '10', true) as is_incoming,
        false as is_private,
        created_at as sent_at,
        '{}'::text[] as _cast_errors,
        _load_id,
        _loaded_at
    from tickets
    where not is_deleted_for_good

    union all

    select
        conversations.source,
        conversations.instance,
        conversations.ticket_id,
        conversations.conversation_id as message_id,
        conversations.user_id as author_id,
        conversations.text,
        conversations.position,
        conversations.is_incoming,
        conversations.is_private,
        conversations.created_at as sent_at,
        conversations._cast_errors,
        conversations._load_id,
        conversations._loaded_at
    from tickets
    inner join {{ ref('stg_freshdesk__conversations') }} as conversations
        on
            tickets.instance = conversations.instance
            and tickets.ticket_id = conversations.ticket_id
    -- what was said in a survey is part of its rating
    where conversations.source_code is distinct from '6'

),

known as (

    select
        written.*,
        {{ json_text('authors.facts', 'actor') }} as author_kind,
        {{ json_text('authors.facts', 'automation_reason') }} as automation_reason,
        coalesce(
            not written.is_incoming
            and (
                written.text ~* {{ json_text('settings.facts', 'merged_into_note') }}
                or written.text ~* {{ json_text('settings.facts', 'merged_from_note') }}
            ), false
        ) as is_merge_notice
    from written
    left join {{ ref('int_records__timeline') }} as authors
        on
            written.source = authors.source
            and written.instance = authors.instance
            and authors.record_type = 'user'
            and written.author_id = authors.record_id
    left join {{ ref('int_records__timeline') }} as settings
        on
            written.source = settings.source
            and written.instance = settings.instance
            and settings.record_type = 'settings'
            and settings.record_id = '*'

),

judged as (

    select
        *,
        case
            when is_merge_notice then 'system'
            when is_incoming then 'customer'
            when author_id is null and not is_incoming then 'system'
            when author_kind <> 'customer' then author_kind
            -- who left is no agent any more, and may be a contact; only agents write what is not incoming
            when not is_incoming then 'human_agent'
        end as actor
    from known

),

final as (

    select
        judged.source,
        judged.instance,
        judged.ticket_id as interaction_id,
        judged.message_id,
        judged.actor,
        case when not judged.is_merge_notice then judged.author_id end as actor_id,
        coalesce(agents.agent_name, contacts.contact_name) as actor_name,
        null::text as stated_actor_name,
        null::text as agent_version,
        case when judged.actor in ('human_agent', 'ai_agent') then {{ json_text('staff.facts', 'team') }} end as team,
        coalesce(judged.text, '') as text,
        null::text as intent,
        null::jsonb as sources,
        null::jsonb as tool_calls,
        null::jsonb as feedback,
        case
            when judged.actor = 'system'
                then jsonb_build_object(
                    'is_automation', true,
                    'automation_reason', case
                        when judged.is_merge_notice then 'notice of a merge'
                        when judged.author_id is null then 'written by nobody'
                        else judged.automation_reason
                    end
                )
        end as attributes,
        judged.position,
        null::numeric as confidence,
        coalesce(judged.is_private, true) as is_internal,
        judged.sent_at,
        array_remove(judged._cast_errors || array[
            case when judged.actor is null then 'incoming' end,
            case when judged.is_private is null then 'private' end,
            case when judged.sent_at is null then 'created_at' end
        ]::text[], null) as _cast_errors,
        judged._load_id,
        judged._loaded_at,
        judged.author_id
    from judged
    left join {{ ref('stg_freshdesk__agents') }} as agents
        on
            judged.instance = agents.instance
            and judged.author_id = agents.agent_id
    left join {{ ref('stg_freshdesk__contacts') }} as contacts
        on
            judged.instance = contacts.instance
            and judged.author_id = contacts.contact_id
    left join {{ ref('int_records__timeline') }} as staff
        on
            judged.source = staff.source
            and judged.instance = staff.instance
            and staff.record_type = 'staff'
            and judged.author_id = staff.record_id
            and judged.sent_at >= staff.valid_from
            and judged.sent_at < staff.valid_to

)

select * from final
