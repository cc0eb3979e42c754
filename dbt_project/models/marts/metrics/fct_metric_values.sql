{{
    config(
        unique_key=['metric_id', 'period_type', 'period_start', 'slice_type', 'slice_value'],
        scope='affected_metric_periods',
        scope_columns=['semantic_model', 'period_type', 'period_start'],
        indexes=[{'columns': ['period_type', 'period_start']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per metric of the registry, day, ISO week or month, and slice: numerator, denominator, n, value and interval
with

sums as (

    select
        periods.semantic_model,
        periods.period_type,
        periods.period_start,
        periods.period_end,
        days.metric_id,
        days.slice_type,
        days.slice_value,
        sum(days.numerator) as numerator,
        sum(days.denominator) as denominator,
        sum(days.n)::bigint as n,
        sum(days.square_sum) as square_sum
    from {{ ref('affected_metric_periods') }} as periods
    inner join {{ ref('metric_days') }} as days
        on
            periods.semantic_model = days.semantic_model
            and days.metric_date between periods.period_start and periods.period_end
    group by
        periods.semantic_model, periods.period_type, periods.period_start, periods.period_end, days.metric_id, days.slice_type,
        days.slice_value

),

final as (

    select
        sums.metric_id,
        sums.semantic_model,
        sums.period_type,
        sums.slice_type,
        sums.slice_value,
        sums.numerator::double precision as numerator,
        sums.denominator::double precision as denominator,
        sums.n,
        {{ metric_estimate('sums', 'metrics.unit') }},
        (sums.n < {{ var('min_cell_n') }}) as is_below_min_n,
        sums.period_start,
        sums.period_end,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from sums
    inner join {{ ref('dim_metrics') }} as metrics on sums.metric_id = metrics.metric_id

)

select * from final
