-- one row per statement of the team of an owner that this run works out again
with

affected as (

    select agent_key
    from {{ ref('int_entities__affected') }}
    where agent_key is not null

),

owners as (
    {%- for relation in ['stg_hubspot__owners', 'stg_hubspot__owners_history'] %}

        select
            {{ entity_key('owners.actor_id', 'owners.source', 'owners.instance') }} as agent_key,
            owners.*
        from {{ ref(relation) }} as owners
        where owners.actor_id is not null
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

final as (

    select
        owners.agent_key,
        'team' as aspect,
        owners.team as value,
        coalesce(owners.updated_at, owners.created_at) as stated_at,
        owners._load_id
    from owners
    inner join affected on owners.agent_key = affected.agent_key

)

select * from final
