-- one row per statement of the team, the role or the leaving of a user that this run works out again
with

affected as (

    select agents.agent_key
    from {{ ref('int_salesforce__agents') }} as agents

),

users as (
    {%- for relation in ['stg_salesforce__users', 'stg_salesforce__users_history'] %}

        select
            affected.agent_key,
            users.*
        from affected
        inner join {{ ref(relation) }} as users
            on affected.agent_key = {{ entity_key('users.user_id', 'users.source', 'users.instance') }}
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

final as (

    select
        users.agent_key,
        stated.aspect,
        stated.value,
        coalesce(users.updated_at, users.created_at) as stated_at,
        users._load_id
    from users
    cross join lateral (values ('team', users.team), ('role', users.role)) as stated (aspect, value)

    union all

    select
        agent_key,
        'left' as aspect,
        null as value,
        updated_at as stated_at,
        _load_id
    from users
    where not is_active and updated_at is not null

)

select * from final
