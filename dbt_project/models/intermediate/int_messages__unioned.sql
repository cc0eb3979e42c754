{{
    config(
        materialized='table',
        indexes=[{'columns': ['interaction_key']}, {'columns': ['message_key'], 'unique': true}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per message of an interaction that this run works on, of every source instance, keyed; a table with statistics, since the
-- planner cannot guess what the casts of the views let through
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

file_messages as (

    select * from {{ ref('stg_files__messages') }}

),

unioned as (

    select * from file_messages

),

final as (

    select
        pending.interaction_key,
        {{ entity_key("unioned.interaction_id || ':' || message_id", 'unioned.source', 'unioned.instance') }} as message_key,
        case
            when actor in ('human_agent', 'ai_agent')
                then {{ entity_key('coalesce(actor_id, actor_name)', 'unioned.source', 'unioned.instance') }}
        end as agent_key,
        unioned.source,
        unioned.instance,
        unioned.interaction_id,
        message_id,
        actor,
        actor_id,
        actor_name,
        agent_version,
        team,
        text,
        md5(text)::uuid as body_hash,
        intent,
        sources,
        tool_calls,
        feedback,
        attributes,
        position,
        confidence,
        is_internal,
        sent_at,
        _cast_errors,
        _load_id,
        _loaded_at
    from unioned
    inner join pending
        on
            unioned.source = pending.source
            and unioned.instance = pending.instance
            and unioned.interaction_id = pending.interaction_id

)

select * from final
