{{ config(unique_key='agent_key') }}
-- one row per agent, human or AI, that has written a message; latest stated name, team and version
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

messages as (

    select * from {{ ref('messages') }}

),

touched as (

    select distinct messages.agent_key
    from messages
    inner join pending on messages.interaction_key = pending.interaction_key
    where messages.agent_key is not null

),

final as (

    -- the lateral look-ups read one end of the index on (agent_key, sent_at): the cost does not follow an agent's history
    select
        touched.agent_key,
        latest.source,
        latest.instance,
        latest.agent_id,
        latest.agent_name,
        latest.actor as kind,
        latest.team,
        latest.agent_version,
        earliest.sent_at as first_seen_at,
        latest.sent_at as last_seen_at
    from touched
    cross join
        lateral (
            select messages.* from messages
            where messages.agent_key = touched.agent_key
            order by messages.sent_at desc, messages.message_key desc
            limit 1
        ) as latest
    cross join
        lateral (
            select messages.sent_at from messages
            where messages.agent_key = touched.agent_key
            order by messages.sent_at
            limit 1
        ) as earliest

)

select * from final
