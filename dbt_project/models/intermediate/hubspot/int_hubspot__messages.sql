{{ config(materialized='steady_view') }}
-- one row per message or note of a ticket's threads that this run works on, in the shape that all sources share
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'hubspot'

),

entries as (

    select
        messages.*,
        case
            -- an integration may write in a user's name
            when left(messages.created_by, 2) in ('I-', 'S-') then messages.created_by
            else coalesce(messages.sender_id, messages.created_by)
        end as author_id
    from pending
    -- a message waits for its ticket, whose landing brings it back
    inner join {{ ref('stg_hubspot__tickets') }} as tickets
        on
            pending.instance = tickets.instance
            and pending.interaction_id = tickets.ticket_id
    inner join {{ ref('stg_hubspot__messages') }} as messages
        on
            pending.instance = messages.instance
            and pending.interaction_id = messages.ticket_id
    where messages.entry_type in ('MESSAGE', 'WELCOME_MESSAGE', 'COMMENT') and not messages.is_archived

),

judged as (

    select
        *,
        case
            when left(author_id, 2) in ('I-', 'S-') then 'system'
            when left(author_id, 2) = 'A-' then 'human_agent'
            when left(author_id, 2) = 'B-' then 'ai_agent'
            when left(author_id, 2) = 'V-' then 'customer'
            -- e-mail from an address that is nobody's yet
            when left(author_id, 2) = 'E-' and direction = 'INCOMING' then 'customer'
        end as actor
    from entries

),

final as (

    select
        judged.source,
        judged.instance,
        judged.ticket_id as interaction_id,
        judged.message_id,
        judged.actor,
        case when judged.author_id not like 'S-%' then judged.author_id end as actor_id,
        coalesce(judged.sender_name, actors.actor_name) as actor_name,
        case when judged.actor <> 'customer' then judged.sender_name end as stated_actor_name,
        null::text as agent_version,
        case when judged.actor = 'human_agent' then {{ json_text('owners.facts', 'team') }} end as team,
        coalesce(judged.text, '') as text,
        null::text as intent,
        null::jsonb as sources,
        null::jsonb as tool_calls,
        null::jsonb as feedback,
        nullif(jsonb_strip_nulls(jsonb_build_object(
            'is_automation', case when judged.actor = 'system' then true end,
            'automation_reason', case
                when judged.author_id like 'I-%' then 'actor of an integration (' || judged.author_id || ')'
                when judged.author_id like 'S-%' then 'actor of HubSpot itself'
            end,
            'is_truncated', case when judged.truncation_status <> 'NOT_TRUNCATED' then true end
        )), '{}') as attributes,
        null::bigint as position,
        null::numeric as confidence,
        (judged.entry_type = 'COMMENT') as is_internal,
        judged.sent_at,
        array_remove(judged._cast_errors || array[
            case when judged.actor is null then 'actorId (of an unknown kind)' end,
            case when judged.sent_at is null then 'createdAt' end
        ]::text[], null) as _cast_errors,
        judged._load_id,
        judged._loaded_at,
        judged.author_id
    from judged
    left join {{ ref('stg_hubspot__actors') }} as actors
        on
            judged.instance = actors.instance
            and judged.author_id = actors.actor_id
    left join {{ ref('int_records__timeline') }} as owners
        on
            judged.source = owners.source
            and judged.instance = owners.instance
            and owners.record_type = 'owner'
            and judged.author_id = owners.record_id
            and judged.sent_at >= owners.valid_from
            and judged.sent_at < owners.valid_to

)

select * from final
