{{
    config(
        unique_key=['period_type', 'period_start', 'slice_type', 'slice_value', 'subject', 'measure_type', 'measure_id'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[
            {'columns': ['slice_type', 'measure_type', 'period_type', 'period_start', 'slice_value']},
            {'columns': ['_ledger_id']}
        ]
    )
}}
-- one row per period, slice, judged side and measure: the mean score with its interval
with

-- days, so that the sums are joined by equality
period_days as (

    select
        periods.period_type,
        periods.period_start,
        days.day::date as interaction_date
    from {{ ref('affected_periods') }} as periods
    cross join lateral generate_series(periods.period_start, periods.period_end, interval '1 day') as days (day)
    where periods.period_type in ('day', 'week')

),

sums as (

    select
        period_days.period_type,
        period_days.period_start,
        score_days.slice_type,
        score_days.slice_value,
        score_days.subject,
        score_days.measure_type,
        score_days.measure_id,
        sum(score_days.n)::int as n,
        sum(score_days.score_sum) as score_sum,
        sum(score_days.score_square_sum) as score_square_sum,
        sum(score_days.excellent_count)::int as excellent_count,
        sum(score_days.acceptable_count)::int as acceptable_count,
        sum(score_days.needs_improvement_count)::int as needs_improvement_count,
        sum(score_days.critical_failure_count)::int as critical_failure_count
    from period_days
    inner join {{ ref('score_days') }} as score_days on period_days.interaction_date = score_days.interaction_date
    where score_days.measure_type in ('total', 'dimension')
    group by
        period_days.period_type, period_days.period_start, score_days.slice_type, score_days.slice_value,
        score_days.subject, score_days.measure_type, score_days.measure_id

),

summed as (

    select
        sums.*,
        (sums.score_sum / sums.n)::double precision as mean_score,
        {{ stddev_of_sums('sums.n', 'sums.score_sum', 'sums.score_square_sum') }} as stddev_score
    from sums

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
