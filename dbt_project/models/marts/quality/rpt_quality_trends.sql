{{
    config(
        unique_key=['period_type', 'period_start', 'slice_type', 'slice_value', 'subject', 'measure_type', 'measure_id'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per period, slice, judged side and measure: the mean score with its interval
with

-- days, so that the many measures are joined by equality
period_days as (

    select
        periods.period_type,
        periods.period_start,
        days.day::date as interaction_date
    from {{ ref('affected_periods') }} as periods
    cross join lateral generate_series(periods.period_start, periods.period_end, interval '1 day') as days (day)
    where periods.period_type in ('day', 'week')

),

interactions as (

    select * from {{ ref('fct_interactions') }}

),

totals as (

    select
        interaction_key,
        subject,
        agent_key,
        'total' as measure_type,
        'total' as measure_id,
        total_score as score,
        tier,
        is_critical_failure,
        interaction_date
    from {{ ref('fct_interaction_scores') }}

),

dimensions as (

    select
        interaction_key,
        subject,
        agent_key,
        'dimension' as measure_type,
        dimension_id as measure_id,
        score,
        tier,
        false as is_critical_failure,
        interaction_date
    from {{ ref('fct_dimension_scores') }}

),

measures as (

    select * from totals
    union all
    select * from dimensions

),

sliced as (

    select
        period_days.period_type,
        period_days.period_start,
        slices.slice_type,
        slices.slice_value,
        measures.subject,
        measures.measure_type,
        measures.measure_id,
        measures.score,
        measures.tier,
        measures.is_critical_failure
    from period_days
    inner join measures on period_days.interaction_date = measures.interaction_date
    inner join interactions on measures.interaction_key = interactions.interaction_key
    cross join
        lateral (
            select
                measures.agent_key,
                interactions.team,
                interactions.channel,
                interactions.topic,
                interactions.tier,
                interactions.language,
                case when measures.subject = 'ai_agent' then interactions.agent_version end as agent_version
        ) as columns_of_slices
    cross join
        lateral (
            values
            ('all', 'all'),
            ('agent', columns_of_slices.agent_key),
            ('team', columns_of_slices.team),
            ('channel', columns_of_slices.channel),
            ('topic', columns_of_slices.topic),
            ('tier', columns_of_slices.tier),
            ('language', columns_of_slices.language),
            ('agent_version', columns_of_slices.agent_version)
        ) as slices (slice_type, slice_value)
    where measures.score is not null and slices.slice_value is not null

),

summed as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        subject,
        measure_type,
        measure_id,
        count(*)::int as n,
        -- numeric sums are exact: the same scores in another order give the same mean to the last digit
        avg(score::numeric)::double precision as mean_score,
        stddev_samp(score::numeric)::double precision as stddev_score,
        count(*) filter (where tier = 'excellent')::int as excellent_count,
        count(*) filter (where tier = 'acceptable')::int as acceptable_count,
        count(*) filter (where tier = 'needs_improvement')::int as needs_improvement_count,
        count(*) filter (where is_critical_failure)::int as critical_failure_count
    from sliced
    group by period_type, period_start, slice_type, slice_value, subject, measure_type, measure_id

),

final as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        subject,
        measure_type,
        measure_id,
        n,
        excellent_count,
        acceptable_count,
        needs_improvement_count,
        critical_failure_count,
        mean_score,
        stddev_score,
        case when n > 1 then greatest(0, mean_score - {{ mean_half_width('stddev_score', 'n') }}) end as ci_low,
        case when n > 1 then least(100, mean_score + {{ mean_half_width('stddev_score', 'n') }}) end as ci_high,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from summed

)

select * from final
