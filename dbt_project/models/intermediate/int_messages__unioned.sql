{{
    config(
        materialized='table',
        indexes=[{'columns': ['interaction_key']}, {'columns': ['message_key'], 'unique': true}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per message of an interaction that this run works on, of every source instance, keyed; a table with statistics, since the
-- planner cannot guess what the casts of the views let through. A message of an interaction that went into another belongs to the
-- one that it went into, under the key that it had.
with

merged as (

    select
        interaction_key,
        merged_into_interaction_key
    from {{ ref('int_conversations__unioned') }}
    where merged_into_interaction_key is not null

),

unioned as (

    select
        {{ entity_key('interaction_id') }} as interaction_key,
        stated.*
    from {{ ref('int_sources__messages') }} as stated

),

final as (

    select
        coalesce(merged.merged_into_interaction_key, unioned.interaction_key) as interaction_key,
        unioned.interaction_key as written_in_interaction_key,
        {{ entity_key("unioned.interaction_id || ':' || message_id", 'unioned.source', 'unioned.instance') }} as message_key,
        case
            when
                actor in ('human_agent', 'ai_agent')
                -- an account that is an automation is an agent of that kind
                or (actor = 'system' and {{ json_text('unioned.attributes', 'is_automation') }} = 'true' and actor_id is not null)
                then {{ entity_key('coalesce(actor_id, actor_name)', 'unioned.source', 'unioned.instance') }}
        end as agent_key,
        unioned.source,
        unioned.instance,
        unioned.interaction_id,
        message_id,
        actor,
        actor_id,
        actor_name,
        stated_actor_name,
        agent_version,
        {{ label('team') }} as team,
        author_id,
        text,
        md5(text)::uuid as body_hash,
        {{ label('intent') }} as intent,
        sources,
        tool_calls,
        feedback,
        unioned.attributes,
        position,
        confidence,
        is_internal,
        sent_at,
        unioned._cast_errors,
        unioned._load_id,
        unioned._loaded_at
    from unioned
    left join merged on unioned.interaction_key = merged.interaction_key

)

select * from final
