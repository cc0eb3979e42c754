{{
    config(
        unique_key=['period_start', 'fix_type'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month of the report and kind of fix (or all): how long it took from negative feedback over triage and fix to what customers
-- get, and what still waits
with

actions as (

    select * from {{ ref('fct_improvement_actions') }}
    where reported_at is not null

),

timed as (

    select
        date_trunc('month', actions.reported_at, 'UTC')::date as period_start,
        kinds.fix_type,
        actions.deployed_at,
        {{ minutes_between('actions.reported_at', 'actions.triaged_at') }} / 1440 as triage_days,
        {{ minutes_between('coalesce(actions.triaged_at, actions.reported_at)', 'actions.done_at') }} / 1440 as fix_days,
        {{ minutes_between('actions.done_at', 'actions.deployed_at') }} / 1440 as deployment_days,
        {{ minutes_between('actions.reported_at', 'actions.deployed_at') }} / 1440 as loop_days,
        case when actions.deployed_at is null then {{ minutes_between('actions.reported_at', as_of()) }} / 1440 end as open_days
    from actions
    cross join lateral (values ('all'), (actions.fix_type)) as kinds (fix_type)

),

final as (

    select
        fix_type,
        case
            when count(*) filter (where deployed_at is null) = 0 then 'Nothing waits: look at the slowest stage of the loop'
            else
                'Close the ' || count(*) filter (where deployed_at is null)::text || ' reports of this month that wait for their fix'
        end as recommended_action,
        {{ routed_team() }} as owner,
        count(*)::int as n,
        count(deployed_at)::int as deployed_count,
        count(*) filter (where deployed_at is null)::int as open_count,
        percentile_cont(0.5) within group (order by triage_days) as triage_days_median,
        percentile_cont(0.5) within group (order by fix_days) as fix_days_median,
        percentile_cont(0.5) within group (order by deployment_days) as deployment_days_median,
        percentile_cont(0.5) within group (order by loop_days) as loop_days_median,
        percentile_cont(0.5) within group (order by open_days) as open_days_median,
        (count(deployed_at) < {{ var('min_cell_n') }}) as is_below_min_n,
        period_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from timed
    {{ route_joins("'slow_feedback_loop'", "null::text") }}
    group by period_start, fix_type, special.owner_team, general.owner_team

)

select * from final
