{{ config(unique_key=['period_start', 'subject_type', 'subject'], is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per ISO week and team, or owner of improvement actions: whether there is enough to measure, and somebody who can act on it
with

service_days as (

    select
        slice_value as team,
        interaction_date,
        interaction_count
    from {{ ref('rpt_service_daily') }}
    where slice_type = 'team' and handled_by = 'all'

),

actions as (

    select
        actions.owner,
        -- an owner is a team, or a person of one
        coalesce(teams.team, people.team) as team,
        actions.reported_at,
        coalesce(actions.done_at, actions.deployed_at) as ended_at
    from {{ ref('fct_improvement_actions') }} as actions
    left join (select distinct service_days.team from service_days) as teams on actions.owner = teams.team
    left join (
        select
            agent_name,
            max(team) as team
        from {{ ref('dim_agents') }}
        where kind = 'human_agent'
        group by agent_name
        having count(distinct team) = 1
    ) as people
        on actions.owner = people.agent_name
    where actions.owner is not null

),

subjects as (

    select
        'team' as subject_type,
        team as subject,
        team,
        min(interaction_date) as first_date
    from service_days
    group by team

    union all

    select
        'owner' as subject_type,
        owner as subject,
        max(team) as team,
        min({{ utc_date('reported_at') }}) as first_date
    from actions
    group by owner

),

subject_weeks as (

    select
        subjects.subject_type,
        subjects.subject,
        subjects.team,
        weeks.week::date as period_start,
        weeks.week::date + 6 as period_end,
        least((weeks.week + interval '7 days') at time zone 'UTC', {{ as_of() }}) as ends_at
    from subjects
    cross join
        lateral generate_series(
            date_trunc('week', subjects.first_date::timestamp),
            ({{ as_of() }} - interval '1 microsecond') at time zone 'UTC',
            interval '7 days'
        ) as weeks (week)

),

volumes as (

    select
        team,
        date_trunc('week', interaction_date)::date as period_start,
        sum(interaction_count)::int as interaction_count
    from service_days
    group by team, date_trunc('week', interaction_date)

),

-- of a team, those of its owner who has most
open_actions as (

    select
        weeks.subject_type,
        weeks.subject,
        weeks.period_start,
        actions.owner,
        count(*)::int as open_count
    from subject_weeks as weeks
    inner join actions
        on
            case weeks.subject_type when 'team' then actions.team else actions.owner end = weeks.subject
            and weeks.ends_at > actions.reported_at
            and (actions.ended_at is null or weeks.ends_at <= actions.ended_at)
    group by weeks.subject_type, weeks.subject, weeks.period_start, actions.owner

),

burdens as (

    select
        subject_type,
        subject,
        period_start,
        sum(open_count)::int as open_action_count,
        max(open_count)::int as most_open_actions
    from open_actions
    group by subject_type, subject, period_start

),

judged as (

    select
        weeks.*,
        case weeks.subject_type when 'team' then coalesce(volumes.interaction_count, 0) end as interaction_count,
        coalesce(burdens.open_action_count, 0) as open_action_count,
        coalesce(burdens.most_open_actions, 0) as most_open_actions,
        case weeks.subject_type when 'team' then coalesce(volumes.interaction_count, 0) >= {{ var('min_cell_n') }} end
            as has_enough_volume,
        (coalesce(burdens.most_open_actions, 0) <= {{ var('action_capacity') }}) as has_capacity
    from subject_weeks as weeks
    left join volumes
        on
            weeks.subject_type = 'team'
            and weeks.subject = volumes.team
            and weeks.period_start = volumes.period_start
    left join burdens
        on
            weeks.subject_type = burdens.subject_type
            and weeks.subject = burdens.subject
            and weeks.period_start = burdens.period_start

),

final as (

    select
        subject_type,
        subject,
        team,
        case
            when not has_enough_volume and not has_capacity then 'Read cases by hand and close open actions first'
            when not has_enough_volume then 'Read cases by hand: there are too few for figures'
            when not has_capacity then 'Close open actions, or give some to others, before new ones are opened'
            else 'Go on'
        end as recommended_action,
        interaction_count,
        open_action_count,
        most_open_actions,
        {{ var('min_cell_n') }}::int as least_volume,
        {{ var('action_capacity') }}::int as capacity,
        has_enough_volume,
        has_capacity,
        (coalesce(has_enough_volume, true) and has_capacity) as is_ready,
        (period_end < {{ utc_date(as_of()) }}) as is_complete,
        period_start,
        period_end,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from judged

)

select * from final
