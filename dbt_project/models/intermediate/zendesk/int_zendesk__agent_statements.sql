-- one row per statement of the team, the role or the leaving of an agent that this run works out again
with

affected as (

    select agent_key
    from {{ ref('int_entities__affected') }}
    where agent_key is not null

),

users as (
    {%- for relation in ['stg_zendesk__users', 'stg_zendesk__users_history'] %}

        select
            affected.agent_key,
            users.*,
            {{ 'true' if relation == 'stg_zendesk__users' else 'false' }} as is_latest
        from affected
        inner join {{ ref('int_records__timeline') }} as known
            on
                affected.agent_key = known.record_key
                and known.record_type = 'user'
        inner join {{ ref(relation) }} as users
            on
                known.source = users.source
                and known.instance = users.instance
                and known.record_id = users.user_id
        where {{ json_text('known.facts', 'actor') }} in ('human_agent', 'ai_agent', 'system')
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

-- a user field may hold the history as `time|team|role;...`
told as (

    select
        users.agent_key,
        ops.try_cast_timestamptz(split_part(entries.entry, '|', 1)) as stated_at,
        nullif(split_part(entries.entry, '|', 2), '') as team,
        nullif(split_part(entries.entry, '|', 3), '') as role,
        users._load_id
    from users
    cross join lateral unnest(string_to_array(users.role_history, ';')) as entries (entry)
    where users.is_latest and ops.try_cast_timestamptz(split_part(entries.entry, '|', 1)) is not null

),

staff as (

    select
        agent_key,
        source,
        instance,
        user_id,
        left_at,
        _load_id
    from users
    where is_latest

),

memberships as (
    {%- for relation in ['stg_zendesk__group_memberships', 'stg_zendesk__group_memberships_history'] %}

        select
            staff.agent_key,
            memberships.*,
            groups.group_name
        from staff
        inner join {{ ref(relation) }} as memberships
            on
                staff.source = memberships.source
                and staff.instance = memberships.instance
                and staff.user_id = memberships.user_id
        left join {{ ref('stg_zendesk__groups') }} as groups
            on
                memberships.instance = groups.instance
                and memberships.group_id = groups.group_id
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

final as (

    -- an agent's team is the default group; it stays so until another one becomes it
    select
        agent_key,
        'team' as aspect,
        case when not is_archived then group_name end as value,
        coalesce(updated_at, created_at) as stated_at,
        _load_id
    from memberships
    where is_default and agent_key not in (select told.agent_key from told)

    union all

    select
        agent_key,
        'role' as aspect,
        coalesce(role_title, role) as value,
        case
            when row_number() over (partition by agent_key order by updated_at nulls first, _load_id) = 1
                then least(hired_at, created_at, updated_at)
            else updated_at
        end as stated_at,
        _load_id
    from users
    where agent_key not in (select told.agent_key from told)

    union all

    select
        told.agent_key,
        stated.aspect,
        stated.value,
        told.stated_at,
        told._load_id
    from told
    cross join lateral (values ('team', told.team), ('role', told.role)) as stated (aspect, value)

    union all

    select
        agent_key,
        'left' as aspect,
        null as value,
        left_at as stated_at,
        _load_id
    from staff
    where left_at is not null

)

select * from final
