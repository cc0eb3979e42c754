{{ config(materialized='steady_view') }}
-- one row per comment, e-mail and line of a chat of a case that this run works on, in the shape that all sources share
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'salesforce'

),

-- what was said waits for its case, whose landing brings it back
cases as (

    select
        cases.source,
        cases.instance,
        cases.case_id,
        cases.contact_id
    from pending
    inner join {{ ref('stg_salesforce__cases') }} as cases
        on
            pending.instance = cases.instance
            and pending.interaction_id = cases.case_id

),

said as (

    select
        cases.*,
        comments.comment_id as message_id,
        comments.author_id,
        null::text as speaker,
        null::boolean as is_customer,
        comments.text,
        not coalesce(comments.is_published, false) as is_internal,
        comments.sent_at,
        comments._cast_errors,
        comments._load_id,
        comments._loaded_at
    from cases
    inner join {{ ref('stg_salesforce__case_comments') }} as comments
        on
            cases.instance = comments.instance
            and cases.case_id = comments.case_id
    where not comments.is_deleted

    union all

    select
        cases.*,
        emails.email_id as message_id,
        emails.author_id,
        emails.from_name as speaker,
        coalesce(emails.is_incoming, false) as is_customer,
        emails.text,
        false as is_internal,
        emails.sent_at,
        emails._cast_errors,
        emails._load_id,
        emails._loaded_at
    from cases
    inner join {{ ref('stg_salesforce__email_messages') }} as emails
        on
            cases.instance = emails.instance
            and cases.case_id = emails.case_id
    -- 5 is a draft, which nobody was sent
    where not emails.is_deleted and emails.status is distinct from '5'

    union all

    select
        cases.*,
        lines.line_id as message_id,
        'name:' || lines.speaker as author_id,
        lines.speaker,
        not lines.is_agent as is_customer,
        lines.text,
        false as is_internal,
        lines.sent_at,
        lines._cast_errors,
        lines._load_id,
        lines._loaded_at
    from cases
    inner join {{ ref('stg_salesforce__chat_lines') }} as lines
        on
            cases.instance = lines.instance
            and cases.case_id = lines.case_id
    where not lines.is_deleted

),

judged as (

    select
        said.*,
        authors.facts as author,
        case
            when said.is_customer then 'customer'
            when said.author_id not like 'name:%' then {{ json_text('authors.facts', 'actor') }}
            -- without headings, who is named like no user is the customer
            else coalesce({{ json_text('authors.facts', 'actor') }}, case when not said.is_customer then 'human_agent' else 'customer' end)
        end as actor
    from said
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
        judged.case_id as interaction_id,
        judged.message_id,
        judged.actor,
        case
            when judged.actor = 'customer'
                then coalesce(
                    case when judged.is_customer is null then {{ json_text('judged.author', 'contact_id') }} end,
                    judged.contact_id
                )
            when {{ json_text('judged.author', 'is_nobody') }} = 'true' then null
            when judged.author_id like 'name:%' then {{ json_text('judged.author', 'user_id') }}
            else judged.author_id
        end as actor_id,
        coalesce(judged.speaker, {{ json_text('judged.author', 'name') }}) as actor_name,
        case when judged.actor <> 'customer' and judged.author_id like 'name:%' then judged.speaker end as stated_actor_name,
        null::text as agent_version,
        case when judged.actor in ('human_agent', 'ai_agent') then {{ json_text('staff.facts', 'team') }} end as team,
        coalesce(judged.text, '') as text,
        null::text as intent,
        null::jsonb as sources,
        null::jsonb as tool_calls,
        null::jsonb as feedback,
        case
            when judged.actor = 'system' then jsonb_strip_nulls(jsonb_build_object(
                'is_automation', true,
                'automation_reason', {{ json_text('judged.author', 'automation_reason') }}
            ))
        end as attributes,
        null::bigint as position,
        null::numeric as confidence,
        judged.is_internal,
        judged.sent_at,
        array_remove(judged._cast_errors || array[
            case when judged.actor is null then 'CreatedById (no user of this id has landed)' end,
            case when judged.sent_at is null then 'CreatedDate' end
        ]::text[], null) as _cast_errors,
        judged._load_id,
        judged._loaded_at,
        judged.author_id
    from judged
    left join {{ ref('int_records__timeline') }} as staff
        on
            judged.source = staff.source
            and judged.instance = staff.instance
            and staff.record_type = 'owner'
            and staff.record_id = case
                when judged.author_id like 'name:%' then {{ json_text('judged.author', 'user_id') }} else judged.author_id
            end
            and judged.sent_at >= staff.valid_from
            and judged.sent_at < staff.valid_to

)

select * from final
