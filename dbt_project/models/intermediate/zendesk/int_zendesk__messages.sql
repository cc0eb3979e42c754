{{ config(materialized='steady_view') }}
-- one row per comment of a ticket that this run works on, in the shape that all sources share: the latest text of each comment,
-- and who wrote it
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'zendesk'

),

-- a comment waits for its ticket, whose landing brings it back
tickets as (

    select
        tickets.source,
        tickets.instance,
        tickets.ticket_id,
        tickets.requester_id,
        tickets.support_type
    from pending
    inner join {{ ref('stg_zendesk__tickets') }} as tickets
        on
            pending.instance = tickets.instance
            and pending.interaction_id = tickets.ticket_id

),

statements as (

    select
        comments.*,
        tickets.requester_id,
        tickets.support_type
    from tickets
    inner join {{ ref('stg_zendesk__ticket_comments') }} as comments
        on
            tickets.instance = comments.instance
            and tickets.ticket_id = comments.ticket_id

),

comments as (

    -- what the latest statement says; whose it is and when it was sent, by the first
    select distinct on (instance, ticket_id, comment_id)
        source,
        instance,
        ticket_id,
        comment_id,
        requester_id,
        support_type,
        text,
        position,
        is_public,
        _cast_errors,
        _load_id,
        _loaded_at,
        first_value(author_id) over first_statement as author_id,
        first_value(via_channel) over first_statement as via_channel,
        first_value(via_rel) over first_statement as via_rel,
        min(sent_at) over (partition by instance, ticket_id, comment_id) as sent_at
    from statements
    window first_statement as (partition by instance, ticket_id, comment_id order by stated_at, audit_id)
    order by instance asc, ticket_id asc, comment_id asc, stated_at desc nulls last, audit_id desc

),

told as (

    select distinct on (messages.instance, messages.ticket_id, messages.comment_id) messages.*
    from pending
    inner join {{ ref('stg_zendesk__ai_messages') }} as messages
        on
            pending.instance = messages.instance
            and pending.interaction_id = messages.ticket_id
    order by messages.instance asc, messages.ticket_id asc, messages.comment_id asc, messages._load_id desc

),

judged as (

    select
        comments.*,
        told.bot_version,
        told.intent,
        told.knowledge_sources,
        told.actions,
        told.confidence,
        {{ json_text('authors.facts', 'automation_reason') }} as automation_reason,
        coalesce(comments.author_id = '-1', false) as is_by_zendesk,
        (
            coalesce(comments.via_channel in ('rule', 'system', 'admin_setting', 'linked_problem'), false)
            or coalesce(comments.via_rel = 'merge', false)
        ) as is_by_rule,
        case
            when comments.author_id = '-1' then 'system'
            when comments.via_channel in ('rule', 'system', 'admin_setting', 'linked_problem') then 'system'
            when comments.via_rel = 'merge' then 'system'
            when told.sender = 'bot' then 'ai_agent'
            when
                comments.support_type = 'ai_agent' and comments.is_public
                and {{ json_text('authors.facts', 'actor') }} = 'human_agent' then 'ai_agent'
            when {{ json_text('authors.facts', 'actor') }} is not null then {{ json_text('authors.facts', 'actor') }}
            when comments.author_id = comments.requester_id or told.sender = 'visitor' then 'customer'
        end as actor
    from comments
    left join told
        on
            comments.instance = told.instance
            and comments.ticket_id = told.ticket_id
            and comments.comment_id = told.comment_id
    left join {{ ref('int_records__timeline') }} as authors
        on
            comments.source = authors.source
            and comments.instance = authors.instance
            and authors.record_type = 'user'
            and comments.author_id = authors.record_id

),

final as (

    select
        judged.source,
        judged.instance,
        judged.ticket_id as interaction_id,
        judged.comment_id as message_id,
        judged.actor,
        -- a rule may post in a person's name: it is nobody's message then
        case when judged.actor <> 'system' or not (judged.is_by_zendesk or judged.is_by_rule) then judged.author_id end
            as actor_id,
        users.user_name as actor_name,
        null::text as stated_actor_name,
        case when judged.actor = 'ai_agent' then judged.bot_version end as agent_version,
        case when judged.actor in ('human_agent', 'ai_agent') then {{ json_text('groups.facts', 'team') }} end as team,
        coalesce(judged.text, '') as text,
        case when judged.actor = 'ai_agent' then judged.intent end as intent,
        -- an empty list says that nothing was found; where the list is absent, nothing is known
        case
            when judged.actor = 'ai_agent' and judged.knowledge_sources = '[]' then judged.knowledge_sources
            when judged.actor = 'ai_agent' then (
                select
                    jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                        'article_id', {{ json_text('found.entry', 'articleId') }},
                        'version', {{ json_value('found.entry', 'articleVersion') }},
                        'relevance', {{ json_value('found.entry', 'relevance') }}
                    )) order by found.ordinal)
                from {{ json_elements('judged.knowledge_sources') }} with ordinality as found (entry, ordinal)
            )
        end as sources,
        case
            when judged.actor = 'ai_agent' then (
                select
                    jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                        'name', {{ json_value('taken.entry', 'name') }},
                        'status', {{ json_value('taken.entry', 'status') }},
                        'duration_ms', {{ json_value('taken.entry', 'durationMs') }}
                    )) order by taken.ordinal)
                from {{ json_elements('judged.actions') }} with ordinality as taken (entry, ordinal)
            )
        end as tool_calls,
        null::jsonb as feedback,
        case
            when judged.actor = 'system'
                then jsonb_build_object(
                    'is_automation', true,
                    'automation_reason', case
                        when judged.is_by_zendesk then 'author -1 is Zendesk itself'
                        when judged.via_rel = 'merge' then 'notice of a merge'
                        when judged.is_by_rule then 'posted by a rule (via ' || judged.via_channel || ')'
                        else judged.automation_reason
                    end
                )
        end as attributes,
        judged.position,
        case when judged.actor = 'ai_agent' then judged.confidence end as confidence,
        not coalesce(judged.is_public, false) as is_internal,
        judged.sent_at,
        array_remove(judged._cast_errors || array[
            case when judged.actor is null then 'author_id (no user of this id has landed)' end,
            case when judged.is_public is null then 'public' end,
            case when judged.sent_at is null then 'created_at' end
        ]::text[], null) as _cast_errors,
        judged._load_id,
        judged._loaded_at,
        judged.author_id
    from judged
    left join {{ ref('stg_zendesk__users') }} as users
        on
            judged.instance = users.instance
            and judged.author_id = users.user_id
    left join
        lateral (
            select changes.value
            from {{ ref('int_zendesk__changes') }} as changes
            where
                changes.instance = judged.instance
                and changes.ticket_id = judged.ticket_id
                and changes.field = 'group_id'
                and changes.changed_at <= judged.sent_at
            order by changes.position desc
            limit 1
        ) as turns
        on judged.actor in ('human_agent', 'ai_agent')
    left join {{ ref('int_records__timeline') }} as groups
        on
            judged.source = groups.source
            and judged.instance = groups.instance
            and groups.record_type = 'group'
            and turns.value = groups.record_id

)

select * from final
