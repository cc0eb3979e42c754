-- one row per statement of the team or the leaving of an agent that this run works out again
with

affected as (

    select agent_key
    from {{ ref('int_entities__affected') }}
    where agent_key is not null

),

agents as (
    {%- for relation in ['stg_freshdesk__agents', 'stg_freshdesk__agents_history'] %}

        select
            {{ entity_key('agents.agent_id', 'agents.source', 'agents.instance') }} as agent_key,
            agents.*,
            groups.group_name,
            {{ 'true' if relation == 'stg_freshdesk__agents' else 'false' }} as is_latest
        from {{ ref(relation) }} as agents
        left join {{ ref('stg_freshdesk__groups') }} as groups
            on
                agents.instance = groups.instance
                and agents.group_id = groups.group_id
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

final as (

    select
        agents.agent_key,
        stated.aspect,
        stated.value,
        stated.stated_at,
        agents._load_id
    from agents
    inner join affected on agents.agent_key = affected.agent_key
    cross join
        lateral (
            values
            ('team', agents.group_name, coalesce(agents.updated_at, agents.created_at)),
            ('left', null, case when agents.is_latest then agents.left_at end)
        ) as stated (aspect, value, stated_at)
    where stated.stated_at is not null

)

select * from final
