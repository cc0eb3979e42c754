-- one row per message of every source instance, keyed
with

file_messages as (

    select * from {{ ref('stg_files__messages') }}

),

unioned as (

    select * from file_messages

),

final as (

    select
        {{ entity_key('interaction_id') }} as interaction_key,
        {{ entity_key("interaction_id || ':' || message_id") }} as message_key,
        case
            when actor in ('human_agent', 'ai_agent')
                then {{ entity_key('coalesce(actor_id, actor_name)') }}
        end as agent_key,
        source,
        instance,
        interaction_id,
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

)

select * from final
