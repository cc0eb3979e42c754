{{
    config(
        unique_key=['interaction_started_at', 'message_key'],
        partition_by='interaction_started_at',
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key']}, {'columns': ['agent_key', 'sent_at']}]
    )
}}
-- one row per message of an interaction that its source has not deleted, with redacted text
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

conversations as (

    select * from {{ ref('int_conversations__unioned') }}

),

messages as (

    select * from {{ ref('int_messages__unioned') }}

),

redacted as (

    select * from {{ ref('stg_clean__messages') }}

),

usable as (

    select
        messages.*,
        redacted.text as redacted_text,
        redacted.pii,
        redacted.redactor_version,
        coalesce(
            conversations.started_at,
            min(messages.sent_at) over (partition by messages.interaction_key)
        ) as interaction_started_at
    from pending
    inner join conversations on pending.interaction_key = conversations.interaction_key
    inner join messages on pending.interaction_key = messages.interaction_key
    inner join redacted on messages.message_key = redacted.message_key
    where
        conversations.deleted_at is null
        and cardinality(conversations._cast_errors) = 0
        and cardinality(messages._cast_errors) = 0

),

final as (

    select
        message_key,
        interaction_key,
        agent_key,
        source,
        instance,
        message_id,
        actor,
        case when agent_key is not null then coalesce(actor_id, actor_name) end as agent_id,
        case when agent_key is not null then coalesce(stated_actor_name, actor_id) end as agent_name,
        agent_version,
        team,
        redacted_text as text,
        redactor_version,
        pii,
        sources,
        tool_calls,
        feedback,
        row_number() over (partition by interaction_key order by sent_at, position, message_key)::int as ordinal,
        case
            when redacted_text ~ '\S' then cardinality(regexp_split_to_array(btrim(redacted_text, e' \t\n\r'), '\s+'))
            else 0
        end as word_count,
        intent,
        confidence,
        is_internal,
        (actor = 'system' or coalesce({{ json_text('attributes', 'is_automation') }} = 'true', false)) as is_automation,
        sent_at,
        interaction_started_at
    from usable

)

select * from final
