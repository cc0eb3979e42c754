{{ config(unique_key=['objective_id', 'month_start'], is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per objective and month after its baseline: how much of the way is behind it, beside the time that has passed
with

months as (

    select
        objectives.*,
        months.period_start,
        months.period_end,
        months.numerator,
        months.denominator,
        months.n,
        months.value,
        months.ci_low,
        months.ci_high
    from {{ ref('dim_objectives') }} as objectives
    inner join {{ ref('fct_metric_values') }} as months
        on
            objectives.metric_id = months.metric_id
            and objectives.slice_type = months.slice_type
            and objectives.slice_value = months.slice_value
            and months.period_type = 'month'
            and (objectives.baseline_until_date is null or objectives.baseline_until_date < months.period_end)

),

measured as (

    select
        *,
        (value - baseline_value) / nullif(target_value - baseline_value, 0) as progress,
        case
            when baseline_until_date < due_date then
                least(
                    1,
                    (least(period_end, {{ utc_date(as_of()) }} - 1) - baseline_until_date)::double precision
                    / (due_date - baseline_until_date)
                )
        end as expected_progress
    from months

),

final as (

    select
        objective_id,
        metric_id,
        slice_type,
        slice_value,
        owner,
        case
            when baseline_value is null then 'no_baseline'
            when n < {{ var('min_cell_n') }} then 'insufficient'
            when direction * (value - target_value) >= 0 then 'attained'
            when due_date <= period_end and due_date < {{ utc_date(as_of()) }} then 'missed'
            -- before the metric's own first days are over the time asks for nothing yet
            when progress >= coalesce(expected_progress, 0) then 'on_track'
            else 'behind'
        end as status,
        baseline_value,
        target_value,
        numerator,
        denominator,
        n,
        value,
        ci_low,
        ci_high,
        progress,
        expected_progress,
        (period_end < {{ utc_date(as_of()) }}) as is_complete,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        period_start as month_start,
        due_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from measured

)

select * from final
