{{ config(materialized='steady_view') }}
-- one row per message of a ticket that this run works on, in the shape that all sources share: what opened it, replies and comments
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'rt'

),

-- a message waits for its ticket, whose landing brings it back
said as (

    select
        transactions.*,
        tickets.requestor_id
    from pending
    inner join {{ ref('stg_rt__tickets') }} as tickets
        on
            pending.instance = tickets.instance
            and pending.interaction_id = tickets.ticket_id
    inner join {{ ref('stg_rt__transactions') }} as transactions
        on
            tickets.instance = transactions.instance
            and tickets.ticket_id = transactions.ticket_id
    where transactions.transaction_type in ('Create', 'Correspond', 'Comment') and tickets.ticket_type = 'ticket'

),

-- a ticket that was made without a word has no part
texts as (

    select
        attachments.instance,
        attachments.ticket_id,
        attachments.transaction_id,
        string_agg(attachments.text, e'\n\n' order by attachments.position) as text,
        max(attachments._load_id) as _load_id,
        max(attachments._loaded_at) as _loaded_at
    from pending
    inner join {{ ref('stg_rt__attachments') }} as attachments
        on
            pending.instance = attachments.instance
            and pending.interaction_id = attachments.ticket_id
    group by attachments.instance, attachments.ticket_id, attachments.transaction_id

),

judged as (

    select
        said.source,
        said.instance,
        said.ticket_id,
        said.transaction_id,
        said.transaction_type,
        said.author_id,
        said.position,
        said.created_at,
        said._cast_errors,
        texts.text,
        greatest(said._load_id, texts._load_id) as _load_id,
        greatest(said._loaded_at, texts._loaded_at) as _loaded_at,
        {{ json_text('authors.facts', 'automation_reason') }} as automation_reason,
        case
            when {{ json_text('authors.facts', 'actor') }} in ('ai_agent', 'system') then {{ json_text('authors.facts', 'actor') }}
            -- staff who ask are customers of that ticket
            when said.author_id = said.requestor_id and said.transaction_type <> 'Comment' then 'customer'
            else {{ json_text('authors.facts', 'actor') }}
        end as actor
    from said
    inner join texts
        on
            said.instance = texts.instance
            and said.ticket_id = texts.ticket_id
            and said.transaction_id = texts.transaction_id
    left join {{ ref('int_records__timeline') }} as authors
        on
            said.source = authors.source
            and said.instance = authors.instance
            and authors.record_type = 'user'
            and said.author_id = authors.record_id

),

final as (

    select
        judged.source,
        judged.instance,
        judged.ticket_id as interaction_id,
        judged.transaction_id as message_id,
        judged.actor,
        judged.author_id as actor_id,
        coalesce(users.real_name, users.user_name) as actor_name,
        null::text as stated_actor_name,
        null::text as agent_version,
        case when judged.actor in ('human_agent', 'ai_agent') then {{ json_text('queues.facts', 'team') }} end as team,
        coalesce(judged.text, '') as text,
        null::text as intent,
        null::jsonb as sources,
        null::jsonb as tool_calls,
        null::jsonb as feedback,
        case
            when judged.actor = 'system'
                then jsonb_strip_nulls(jsonb_build_object('is_automation', true, 'automation_reason', judged.automation_reason))
        end as attributes,
        judged.position,
        null::numeric as confidence,
        judged.transaction_type = 'Comment' as is_internal,
        judged.created_at as sent_at,
        array_remove(judged._cast_errors || array[
            case when judged.actor is null then 'Creator (no account of this id has landed)' end,
            case when judged.created_at is null then 'Created' end
        ]::text[], null) as _cast_errors,
        judged._load_id,
        judged._loaded_at,
        judged.author_id
    from judged
    left join {{ ref('stg_rt__users') }} as users
        on
            judged.instance = users.instance
            and judged.author_id = users.user_id
    left join
        lateral (
            select changes.value
            from {{ ref('int_rt__changes') }} as changes
            where
                changes.instance = judged.instance
                and changes.ticket_id = judged.ticket_id
                and changes.field = 'queue'
                and changes.position <= judged.position
            order by changes.position desc
            limit 1
        ) as turns
        on judged.actor in ('human_agent', 'ai_agent')
    left join {{ ref('int_records__timeline') }} as queues
        on
            judged.source = queues.source
            and judged.instance = queues.instance
            and queues.record_type = 'queue'
            and turns.value = queues.record_id

)

select * from final
