-- one row per owner, bot and integration of HubSpot, of those that this run works out again
with

affected as (

    select agent_key
    from {{ ref('int_entities__affected') }}
    where agent_key is not null

),

actors as (

    select
        coalesce(owners.source, actors.source) as source,
        coalesce(owners.instance, actors.instance) as instance,
        coalesce(owners.actor_id, actors.actor_id) as agent_id,
        coalesce(owners.owner_name, actors.actor_name) as agent_name
    from (
        select * from {{ ref('stg_hubspot__owners') }}
        where actor_id is not null
    ) as owners
    full join (
        select * from {{ ref('stg_hubspot__actors') }}
        where actor_id ~ '^[ABI]-'
    ) as actors
        on
            owners.instance = actors.instance
            and owners.actor_id = actors.actor_id

),

final as (

    select
        affected.agent_key,
        actors.source,
        actors.instance,
        actors.agent_id,
        actors.agent_name,
        case left(actors.agent_id, 1) when 'A' then 'human_agent' when 'B' then 'ai_agent' when 'I' then 'automation' end as kind,
        case when actors.agent_id like 'I-%' then 'actor of an integration (' || actors.agent_id || ')' end as automation_reason,
        null::timestamptz as hired_at,
        null::timestamptz as left_at
    from affected
    inner join actors on affected.agent_key = {{ entity_key('actors.agent_id', 'actors.source', 'actors.instance') }}

)

select * from final
