{{ config(materialized='steady_view') }}
-- one row per message or note of a conversation that this run works on, in the shape that all sources share: what began it, and its
-- parts that say something
with

conversations as (

    select conversations.*
    from {{ ref('pending_interactions') }} as pending
    inner join {{ ref('stg_intercom__conversations') }} as conversations
        on
            pending.source = conversations.source
            and pending.instance = conversations.instance
            and pending.interaction_id = conversations.conversation_id
    where not conversations.is_archived

),

said as (

    select
        conversations.source,
        conversations.instance,
        conversations.conversation_id,
        'source:' || conversations.source_id as message_id,
        conversations.author_id,
        conversations.author_type,
        conversations.author_name,
        conversations.text,
        conversations.delivered_as,
        0::bigint as position,
        conversations.is_by_fin,
        false as is_ai_answer,
        false as is_internal,
        conversations.created_at as sent_at,
        conversations._cast_errors,
        conversations._load_id,
        conversations._loaded_at
    from conversations
    where conversations.source_id is not null

    union all

    select
        parts.source,
        parts.instance,
        parts.conversation_id,
        parts.part_id as message_id,
        parts.author_id,
        parts.author_type,
        parts.author_name,
        parts.text,
        null::text as delivered_as,
        parts.position,
        parts.is_by_fin,
        parts.is_ai_answer,
        -- what is written with an assignment or into a note is for colleagues
        (parts.part_type like 'note%' or parts.part_type like '%assign%') as is_internal,
        parts.created_at as sent_at,
        parts._cast_errors,
        parts._load_id,
        parts._loaded_at
    -- a part waits for its conversation, whose landing brings it back
    from conversations
    inner join {{ ref('stg_intercom__parts') }} as parts
        on
            conversations.instance = parts.instance
            and conversations.conversation_id = parts.conversation_id
    where parts.part_type in ('comment', 'note', 'quick_reply') or parts.text <> ''

),

judged as (

    select
        *,
        count(*) filter (where is_ai_answer) over (partition by instance, conversation_id) as answer_count,
        coalesce(delivered_as in ('automated', 'campaigns_initiated', 'operator_initiated'), false) as is_outbound,
        case
            when is_by_fin then 'ai_agent'
            when author_type in ('user', 'lead', 'contact') then 'customer'
            when author_type in ('bot', 'team') or delivered_as in ('automated', 'campaigns_initiated', 'operator_initiated')
                then 'system'
            when author_type = 'admin' then 'human_agent'
        end as actor
    from said

),

final as (

    select
        judged.source,
        judged.instance,
        judged.conversation_id as interaction_id,
        judged.message_id,
        judged.actor,
        -- what is sent to many in a person's name is nobody's message
        case when coalesce(judged.actor, 'unknown') <> 'system' or judged.author_type = 'bot' then judged.author_id end as actor_id,
        judged.author_name as actor_name,
        case when judged.actor <> 'customer' then judged.author_name end as stated_actor_name,
        null::text as agent_version,
        case when judged.actor in ('human_agent', 'ai_agent') then {{ json_text('teams.facts', 'team') }} end as team,
        coalesce(judged.text, '') as text,
        null::text as intent,
        -- Intercom states the sources of all answers of a conversation together: they are known where there is one answer
        case
            when not judged.is_ai_answer or judged.answer_count <> 1 then null
            when fin.content_sources = '[]' then fin.content_sources
            else (
                select jsonb_agg(distinct jsonb_build_object('article_id', substring(found.entry ->> 'url' from '/articles/([0-9]+)')))
                from {{ json_elements('fin.content_sources') }} as found (entry)
                where
                    {{ json_text('found.entry', 'content_type') }} = 'article'
                    and {{ json_text('found.entry', 'url') }} ~ '/articles/[0-9]+'
            )
        end as sources,
        null::jsonb as tool_calls,
        null::jsonb as feedback,
        case
            when judged.actor = 'system'
                then jsonb_build_object(
                    'is_automation', true,
                    'automation_reason', case
                        when judged.is_outbound then 'sent to many (' || judged.delivered_as || ')'
                        when judged.author_type = 'bot' then 'bot of a workflow (' || judged.author_id || ')'
                        else 'posted for a team'
                    end
                )
        end as attributes,
        judged.position,
        null::numeric as confidence,
        judged.is_internal,
        judged.sent_at,
        array_remove(judged._cast_errors || array[
            case when judged.actor is null then 'author (of an unknown type)' end,
            case when judged.sent_at is null then 'created_at' end
        ]::text[], null) as _cast_errors,
        judged._load_id,
        judged._loaded_at,
        judged.author_id
    from judged
    left join {{ ref('stg_intercom__fin_states') }} as fin
        on
            judged.is_ai_answer
            and judged.instance = fin.instance
            and judged.conversation_id = fin.conversation_id
    left join
        lateral (
            select changes.value
            from {{ ref('int_intercom__changes') }} as changes
            where
                changes.instance = judged.instance
                and changes.conversation_id = judged.conversation_id
                and changes.field = 'team'
                and changes.changed_at <= judged.sent_at
            order by changes.position desc
            limit 1
        ) as turns
        on judged.actor in ('human_agent', 'ai_agent')
    left join {{ ref('int_records__timeline') }} as teams
        on
            judged.source = teams.source
            and judged.instance = teams.instance
            and teams.record_type = 'team'
            and turns.value = teams.record_id

)

select * from final
