-- one row per statement of the team, the role or the leaving of a teammate that this run works out again. Intercom states no time of
-- them: each holds from the day on which it was read.
with

admins as (
    {%- for relation in ['stg_intercom__admins', 'stg_intercom__admins_history'] %}

        select
            affected.agent_key,
            admins.*,
            {{ 'true' if relation == 'stg_intercom__admins' else 'false' }} as is_latest
        from {{ ref('int_entities__affected') }} as affected
        inner join {{ ref(relation) }} as admins
            on affected.agent_key = {{ entity_key('admins.admin_id', 'admins.source', 'admins.instance') }}
        where affected.agent_key is not null
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

read_on as (

    select
        admins.*,
        loads.as_of as read_at
    from admins
    inner join {{ ref('stg_ops__loads') }} as loads on admins._load_id = loads.load_id

),

final as (

    select
        read_on.agent_key,
        'team' as aspect,
        teams.team_name as value,
        read_on.read_at as stated_at,
        read_on._load_id
    from read_on
    left join {{ ref('stg_intercom__teams') }} as teams
        on
            read_on.instance = teams.instance
            and read_on.team_id = teams.team_id
    where not read_on.is_archived

    union all

    select
        agent_key,
        'role' as aspect,
        job_title as value,
        read_at as stated_at,
        _load_id
    from read_on
    where not is_archived

    union all

    select
        agent_key,
        'left' as aspect,
        null as value,
        archived_at as stated_at,
        _load_id
    from read_on
    -- who was gone once and is there again has not left
    where archived_at is not null and is_latest

)

select * from final
