{{
    config(
        unique_key=['metric_id', 'month_start', 'slice_type', 'slice_value'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per metric, month after its baseline, and slice: what it was to reach, what it reached, and how far that is
with

baselines as (

    select *
    from {{ ref('rpt_metric_baselines') }}
    where baseline_type = 'first_days' and is_complete

),

months as (

    select *
    from {{ ref('fct_metric_values') }}
    where period_type = 'month'

),

stepped as (

    select
        months.*,
        baselines.value as baseline_value,
        baselines.n as baseline_n,
        metrics.direction,
        coalesce(targets.monthly_change, {{ var('target_monthly_change') }}) as monthly_change,
        -- a share ends at 0 or 1 and a score at 100, whatever is asked for
        coalesce(
            targets.limit_value,
            case
                when metrics.unit = 'share' and metrics.direction = 1 then 1
                when metrics.unit = 'score' and metrics.direction = 1 then 100
            end
        ) as limit_value,
        -- the first month that begins after the baseline is the first step
        (
            12 * (extract(year from months.period_start) - extract(year from baselines.last_date))
            + extract(month from months.period_start) - extract(month from baselines.last_date)
        )::int as step_number
    from months
    inner join baselines
        on
            months.metric_id = baselines.metric_id
            and months.slice_type = baselines.slice_type
            and months.slice_value = baselines.slice_value
    inner join {{ ref('dim_metrics') }} as metrics on months.metric_id = metrics.metric_id
    left join {{ ref('metric_targets') }} as targets on months.metric_id = targets.metric_id

),

aimed as (

    select
        *,
        -- what is beyond the limit already stays where it is; without a limit there is none
        case direction
            when 1
                then
                    least(
                        baseline_value * power(1 + monthly_change, step_number),
                        case when limit_value is not null then greatest(limit_value, baseline_value) end
                    )
            else
                greatest(
                    baseline_value * power(1 - monthly_change, step_number),
                    case when limit_value is not null then least(limit_value, baseline_value) end
                )
        end as target_value
    from stepped
    where step_number > 0

),

final as (

    select
        metric_id,
        slice_type,
        slice_value,
        case
            when period_end >= {{ utc_date(as_of()) }} then 'running'
            -- nothing and five per cent of nothing are the same
            when baseline_value = 0 and direction = 1 then 'no_baseline'
            when least(n, baseline_n) < {{ var('min_cell_n') }} then 'insufficient'
            when direction * (value - target_value) >= 0 then 'attained'
            else 'missed'
        end as verdict,
        step_number,
        direction,
        monthly_change,
        baseline_n,
        baseline_value,
        target_value,
        numerator,
        denominator,
        n,
        value,
        ci_low,
        ci_high,
        (case direction when 1 then value / nullif(target_value, 0) else target_value / nullif(value, 0) end)::double precision
            as attainment,
        (least(n, baseline_n) < {{ var('min_cell_n') }}) as is_below_min_n,
        period_start as month_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from aimed

)

select * from final
