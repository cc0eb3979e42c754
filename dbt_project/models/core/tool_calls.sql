{{
    config(
        unique_key='tool_call_key',
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key']}]
    )
}}
-- one row per tool call that a source reports with a message
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

messages as (

    select * from {{ ref('messages') }}

),

final as (

    select
        md5(messages.message_key || ':' || calls.ordinal) as tool_call_key,
        messages.interaction_key,
        messages.message_key,
        messages.agent_key,
        {{ json_text('calls.call', 'name') }} as tool_name,
        coalesce({{ json_text('calls.call', 'status') }}, 'unknown') as status,
        calls.ordinal::int as ordinal,
        {{ try_cast('calls.call', 'duration_ms', 'numeric') }} as duration_ms,
        messages.sent_at as called_at
    from messages
    inner join pending on messages.interaction_key = pending.interaction_key
    cross join
        lateral jsonb_array_elements(
            case when jsonb_typeof(messages.tool_calls) = 'array' then messages.tool_calls else '[]' end
        ) with ordinality as calls (call, ordinal)
    where jsonb_typeof(calls.call) = 'object'

)

select * from final
