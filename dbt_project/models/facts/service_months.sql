{{
    config(
        unique_key=['period_type', 'period_start'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[]
    )
}}
-- one row per month: the median times to the first reply and to the solution, each with its n and interval. A median of a month does not
-- follow from those of its days
with

periods as (

    select * from {{ ref('affected_periods') }}
    where period_type = 'month'

),

handled as (

    select
        periods.period_type,
        periods.period_start,
        facts.first_response_minutes,
        facts.resolution_minutes
    from periods
    inner join {{ ref('fct_interactions') }} as facts
        on facts.interaction_date between periods.period_start and periods.period_end
    where facts.handled_by <> 'unhandled'

),

counted as (

    select
        period_type,
        period_start,
        count(first_response_minutes) as first_response_n,
        count(resolution_minutes) as resolution_n
    from handled
    group by period_type, period_start

),

-- the ranks between which the true median lies in 95 of 100 months, whatever the times are distributed like
ranked as (

    select
        *,
        {{ var('z_95') }} / (2 * sqrt(nullif(first_response_n, 0))) as first_response_reach,
        {{ var('z_95') }} / (2 * sqrt(nullif(resolution_n, 0))) as resolution_reach
    from counted

),

final as (

    select
        handled.period_type,
        handled.period_start,
        ranked.first_response_n::bigint as first_response_n,
        percentile_cont(0.5) within group (order by handled.first_response_minutes) as first_response_median_minutes,
        percentile_cont(greatest(0, 0.5 - ranked.first_response_reach))
        within group (order by handled.first_response_minutes) as first_response_ci_low,
        percentile_cont(least(1, 0.5 + ranked.first_response_reach))
        within group (order by handled.first_response_minutes) as first_response_ci_high,
        ranked.resolution_n::bigint as resolution_n,
        percentile_cont(0.5) within group (order by handled.resolution_minutes) as resolution_median_minutes,
        percentile_cont(greatest(0, 0.5 - ranked.resolution_reach)) within group (order by handled.resolution_minutes) as resolution_ci_low,
        percentile_cont(least(1, 0.5 + ranked.resolution_reach)) within group (order by handled.resolution_minutes) as resolution_ci_high,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from handled
    inner join ranked
        on
            handled.period_type = ranked.period_type
            and handled.period_start = ranked.period_start
    group by
        handled.period_type, handled.period_start, ranked.first_response_n, ranked.first_response_reach, ranked.resolution_n,
        ranked.resolution_reach

)

select * from final
