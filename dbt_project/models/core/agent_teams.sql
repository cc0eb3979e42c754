{{ config(unique_key=['agent_key', 'valid_from'], scope='int_entities__affected', scope_columns=['agent_key']) }}
-- depends_on: {{ ref('int_entities__affected') }}
-- one row per agent and period with one team and role: from the history that the record of the agent itself holds, else from when
-- each statement of the record and of the memberships was made
with

stated as (

    select * from {{ ref('int_sources__agent_statements') }}

),

team_statements as (

    select
        agent_key,
        value as team,
        stated_at,
        _load_id
    from stated
    where aspect = 'team'

),

role_statements as (

    select
        agent_key,
        value as role,
        stated_at,
        _load_id
    from stated
    where aspect = 'role'

),

leavers as (

    select
        agent_key,
        max(stated_at) as left_at
    from stated
    where aspect = 'left'
    group by agent_key

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
    ) as with_state

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
        coalesce(ordered.next_changed_at, leavers.left_at) as valid_to
    from ordered
    left join leavers on ordered.agent_key = leavers.agent_key
    where leavers.left_at is null or ordered.changed_at < leavers.left_at

)

select * from final
