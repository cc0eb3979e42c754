{{ config(unique_key=['agent_key', 'valid_from'], scope='int_entities__affected', scope_columns=['agent_key']) }}
-- one row per agent and period with one team and role: from the history that the record of the agent itself holds, else from when
-- each statement of the record and of the memberships was made
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

staff as (

    select
        agent_key,
        source,
        instance,
        user_id,
        coalesce(hired_at, created_at) as started_at,
        left_at
    from users
    where is_latest

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

team_statements as (

    -- an agent's team is the default group; it stays so until another one becomes it
    select
        agent_key,
        case when not is_archived then group_name end as team,
        coalesce(updated_at, created_at) as stated_at,
        _load_id
    from memberships
    where is_default and agent_key not in (select told.agent_key from told)

    union all

    select
        agent_key,
        team,
        stated_at,
        _load_id
    from told

    union all

    select
        owners.agent_key,
        owners.team,
        coalesce(owners.updated_at, owners.created_at) as stated_at,
        owners._load_id
    from owners
    inner join affected on owners.agent_key = affected.agent_key

),

role_statements as (

    select
        agent_key,
        coalesce(role_title, role) as role,
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
        agent_key,
        role,
        stated_at,
        _load_id
    from told

),

moments as (

    select
        agent_key,
        stated_at as changed_at
    from team_statements
    where stated_at is not null

    union

    select
        agent_key,
        stated_at as changed_at
    from role_statements
    where stated_at is not null

),

described as (

    select
        moments.agent_key,
        moments.changed_at,
        teams.team,
        roles.role
    from moments
    left join
        lateral (
            select team_statements.team from team_statements
            where team_statements.agent_key = moments.agent_key and team_statements.stated_at <= moments.changed_at
            order by team_statements.stated_at desc, team_statements._load_id desc, team_statements.team asc
            limit 1
        ) as teams
        on true
    left join
        lateral (
            select role_statements.role from role_statements
            where role_statements.agent_key = moments.agent_key and role_statements.stated_at <= moments.changed_at
            order by role_statements.stated_at desc, role_statements._load_id desc
            limit 1
        ) as roles
        on true

),

compared as (

    select
        *,
        lag(state) over (partition by agent_key order by changed_at) as previous_state
    from (
        select
            *,
            jsonb_build_array(team, role) as state
        from described
    ) as stated

),

ordered as (

    select
        *,
        lead(changed_at) over (partition by agent_key order by changed_at) as next_changed_at
    from compared
    where previous_state is distinct from state

),

final as (

    select
        ordered.agent_key,
        ordered.team,
        ordered.role,
        ordered.next_changed_at is null as is_current,
        ordered.changed_at as valid_from,
        coalesce(ordered.next_changed_at, staff.left_at) as valid_to
    from ordered
    left join staff on ordered.agent_key = staff.agent_key
    where staff.left_at is null or ordered.changed_at < staff.left_at

)

select * from final
