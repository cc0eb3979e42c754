{{
    config(
        unique_key=['month_start', 'slice_type', 'slice_value', 'measure'],
        is_whole=true,
        indexes=[{'columns': ['measure', 'slice_type', 'month_start']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per month, segment and measure of the executive page: its value beside that of the month before, and whether that is better.
-- No number is defined here: each comes from the mart that source_mart names
with

measures (measure, area, label, unit, direction, place) as (

    {{ executive_measures() }}

),

-- what is timed in minutes is shown in hours
of_registry as (

    select
        months.metric_id as measure,
        months.period_start as month_start,
        months.slice_type,
        months.slice_value,
        'fct_metric_values' as source_mart,
        case metrics.direction when 1 then 'up_is_good' else 'down_is_good' end as direction,
        case when months.denominator is not null then months.n end as n,
        months.numerator::numeric / units.divisor as numerator,
        months.denominator::numeric as denominator,
        months.value::numeric / units.divisor as value,
        months.ci_low::numeric / units.divisor as ci_low,
        months.ci_high::numeric / units.divisor as ci_high,
        targets.target_value::numeric / units.divisor as target_value,
        case targets.verdict when 'attained' then true when 'missed' then false end as is_attained,
        (months.denominator is not null and months.is_below_min_n) as is_below_min_n,
        -- who comes back is known before who does not: until the windows have passed the share is too low
        case when months.metric_id = 'first_contact_resolution' then {{ is_complete_month('months.period_start') }} end as is_settled
    from {{ ref('fct_metric_values') }} as months
    inner join {{ ref('dim_metrics') }} as metrics on months.metric_id = metrics.metric_id
    cross join lateral (select case metrics.unit when 'minutes' then 60 else 1 end as divisor) as units
    left join {{ ref('rpt_metric_targets') }} as targets
        on
            months.metric_id = targets.metric_id
            and months.period_start = targets.month_start
            and months.slice_type = targets.slice_type
            and months.slice_value = targets.slice_value
    where
        months.period_type = 'month'
        and months.slice_type in ('all', 'segment')
        and months.metric_id in ({{ executive_metric_ids() }})

),

of_times as (

    select
        times.measure,
        months.period_start as month_start,
        'service_months' as source_mart,
        times.n,
        times.median::numeric / 60 as value,
        times.ci_low::numeric / 60 as ci_low,
        times.ci_high::numeric / 60 as ci_high
    from {{ ref('service_months') }} as months
    cross join
        lateral (
            values
            (
                'first_response_median', months.first_response_n, months.first_response_median_minutes, months.first_response_ci_low,
                months.first_response_ci_high
            ),
            (
                'resolution_median', months.resolution_n, months.resolution_median_minutes, months.resolution_ci_low,
                months.resolution_ci_high
            )
        ) as times (measure, n, median, ci_low, ci_high)
    where times.n > 0

),

-- of a month that is not over: as things stand
of_backlog as (

    select distinct on (date_trunc('month', backlog_date))
        'open_conversations' as measure,
        date_trunc('month', backlog_date)::date as month_start,
        'rpt_backlog_daily' as source_mart,
        open_count as value
    from {{ ref('rpt_backlog_daily') }}
    where slice_type = 'all'
    order by date_trunc('month', backlog_date), backlog_date desc

),

gap_months as (

    select months.month_start::date as month_start
    from (select min(since) as first_at from {{ ref('fct_knowledge_gap_statuses') }}) as gaps
    cross join
        lateral generate_series(
            date_trunc('month', gaps.first_at at time zone 'UTC'),
            ({{ as_of() }} - interval '1 microsecond') at time zone 'UTC',
            interval '1 month'
        ) as months (month_start)

),

of_gaps as (

    select
        'gaps_open' as measure,
        gap_months.month_start,
        'fct_knowledge_gap_statuses' as source_mart,
        count(statuses.gap_id) as value
    from gap_months
    left join {{ ref('fct_knowledge_gap_statuses') }} as statuses
        on
            statuses.status in ('open', 'drafting', 'published')
            and least((gap_months.month_start + interval '1 month') at time zone 'UTC', {{ as_of() }}) >= statuses.since
            and (
                statuses.until is null
                or least((gap_months.month_start + interval '1 month') at time zone 'UTC', {{ as_of() }}) < statuses.until
            )
    group by gap_months.month_start

),

-- accounts that paid when the month began; the many are read once
revenue_segments as (

    select
        month_start,
        coalesce(segment, 'unknown') as segment,
        count(*) as account_count,
        sum(arr_start) as arr_start,
        sum(arr_end) as arr_end,
        -- the share that is left without expansion is that of retention in the statistics of revenue
        sum(greatest(0, arr_start - coalesce(contraction_arr, 0) - coalesce(churned_arr, 0))) as arr_left
    from {{ ref('fct_account_months') }}
    where arr_start > 0
    group by month_start, coalesce(segment, 'unknown')

),

revenue as (

    select
        segments.month_start,
        slices.slice_type,
        slices.slice_value,
        sum(segments.account_count)::bigint as n,
        sum(segments.arr_start) as arr_start,
        sum(segments.arr_end) as arr_end,
        sum(segments.arr_left) as arr_left
    from revenue_segments as segments
    cross join lateral (values ('all', 'all'), ('segment', segments.segment)) as slices (slice_type, slice_value)
    group by segments.month_start, slices.slice_type, slices.slice_value

),

of_revenue as (

    select
        kept.measure,
        revenue.month_start,
        revenue.slice_type,
        revenue.slice_value,
        'fct_account_months' as source_mart,
        revenue.n,
        kept.numerator,
        revenue.arr_start as denominator,
        kept.numerator / revenue.arr_start as value,
        (revenue.n < {{ var('min_cell_n') }}) as is_below_min_n
    from revenue
    cross join
        lateral (
            values ('net_revenue_retention', revenue.arr_end), ('gross_revenue_retention', revenue.arr_left)
        ) as kept (measure, numerator)

),

of_accounts as (

    select
        figures.measure,
        months.month_start,
        months.slice_type,
        months.slice_value,
        'rpt_retention_at_risk_monthly' as source_mart,
        case
            when figures.measure <> 'lifetime_value' or figures.value is not null then null
            when months.year_churned_account_count = 0 then 'No customer left in a year, so nobody can say how long one stays.'
            else 'No margin is stated for this month.'
        end as note,
        months.account_count as n,
        figures.numerator,
        figures.denominator,
        figures.value,
        figures.ci_low,
        figures.ci_high,
        months.is_below_min_n
    from {{ ref('rpt_retention_at_risk_monthly') }} as months
    cross join
        lateral (
            values
            (
                'customers_who_stay',
                (months.account_count - months.churned_account_count)::numeric,
                months.account_count::numeric,
                (months.account_count - months.churned_account_count)::numeric / months.account_count,
                ({{ wilson_bound('(months.account_count - months.churned_account_count)', 'months.account_count', '-') }})::numeric,
                ({{ wilson_bound('(months.account_count - months.churned_account_count)', 'months.account_count', '+') }})::numeric
            ),
            (
                'accounts_lost', null, null, months.churned_account_count::numeric,
                (months.account_count * {{ wilson_bound('months.churned_account_count', 'months.account_count', '-') }})::numeric,
                (months.account_count * {{ wilson_bound('months.churned_account_count', 'months.account_count', '+') }})::numeric
            ),
            ('lifetime_value', months.mean_arr * months.gross_margin, months.annual_churn_rate, months.lifetime_value, null, null),
            ('revenue_at_risk', months.arr_at_risk, months.arr, months.arr_at_risk, null, null),
            (
                'accounts_at_risk', null, null, months.at_risk_account_count::numeric,
                (months.account_count * {{ wilson_bound('months.at_risk_account_count', 'months.account_count', '-') }})::numeric,
                (months.account_count * {{ wilson_bound('months.at_risk_account_count', 'months.account_count', '+') }})::numeric
            )
        ) as figures (measure, numerator, denominator, value, ci_low, ci_high)

),

of_money as (

    select
        figures.measure,
        months.month_start,
        months.slice_type,
        months.slice_value,
        'rpt_roi_monthly' as source_mart,
        case
            when figures.value is not null then null
            when months.ai_cost is null or months.hourly_rate is null then 'No price of work is stated for this month.'
            when figures.measure = 'cost_per_issue' then 'No issue of this month was solved.'
            when figures.measure = 'return_on_ai_cost' and months.ai_cost = 0 then 'The AI agent cost nothing in this month.'
            else 'Too little is known of the times before the AI agent.'
        end as note,
        figures.n,
        figures.numerator,
        figures.denominator,
        figures.value,
        months.is_below_min_n,
        months.is_complete as is_settled
    from {{ ref('rpt_roi_monthly') }} as months
    cross join
        lateral (
            values
            (
                'cost_per_issue',
                months.resolved_issue_count,
                months.human_labour_cost + months.escalated_labour_cost + months.ai_cost,
                months.resolved_issue_count::numeric,
                months.cost_per_issue
            ),
            ('net_savings', months.issue_count, null, null, months.net_savings),
            ('return_on_ai_cost', months.issue_count, months.net_benefit, months.ai_cost, months.return_on_ai_cost)
        ) as figures (measure, n, numerator, denominator, value)

),

gathered as (

    {{ executive_rows() }}

),

timed as (

    select
        measures.area,
        measures.label,
        measures.unit,
        measures.place,
        coalesce(measures.direction, gathered.direction) as good_direction,
        gathered.*,
        ((gathered.month_start + interval '1 month') at time zone 'UTC' <= {{ as_of() }}) as is_complete,
        -- a time is judged from as many cases as a share
        (gathered.is_below_min_n or coalesce(gathered.source_mart = 'service_months' and gathered.n < {{ var('min_cell_n') }}, false))
            as is_small
    from gathered
    inner join measures on gathered.measure = measures.measure
    where gathered.value is not null or gathered.note is not null

),

followed as (

    select
        *,
        -- the month before, and not the last one of which anything is known
        case when lag(month_start) over months = month_start - interval '1 month' then lag(value) over months end as previous_value,
        case when lag(month_start) over months = month_start - interval '1 month' then lag(ci_low) over months end as previous_ci_low,
        case when lag(month_start) over months = month_start - interval '1 month' then lag(ci_high) over months end as previous_ci_high,
        coalesce(lag(is_small) over months, true) as is_previous_small
    from timed
    window
        months as (
            partition by measure, slice_type, slice_value
            order by month_start
        )

),

compared as (

    select
        followed.*,
        followed.value - followed.previous_value as change,
        -- square and add (Newcombe 1998): from the intervals of both months
        followed.value - followed.previous_value
        - sqrt(power(followed.value - followed.ci_low, 2) + power(followed.previous_ci_high - followed.previous_value, 2)) as change_ci_low,
        followed.value - followed.previous_value
        + sqrt(power(followed.ci_high - followed.value, 2) + power(followed.previous_value - followed.previous_ci_low, 2)) as change_ci_high
    from followed

),

final as (

    select
        month_start,
        slice_type,
        slice_value,
        area,
        measure,
        label,
        unit,
        good_direction as direction,
        source_mart,
        note,
        place,
        n,
        numerator::numeric(24, 8) as numerator,
        denominator::numeric(24, 8) as denominator,
        value::numeric(24, 8) as value,
        ci_low::numeric(24, 8) as ci_low,
        ci_high::numeric(24, 8) as ci_high,
        previous_value::numeric(24, 8) as previous_value,
        change::numeric(24, 8) as change,
        change_ci_low::numeric(24, 8) as change_ci_low,
        change_ci_high::numeric(24, 8) as change_ci_high,
        target_value::numeric(24, 8) as target_value,
        case
            when not is_complete or not coalesce(is_settled, true) then null
            when is_small or is_previous_small or change = 0 or good_direction = 'neutral' then null
            -- an estimate has moved when the interval of its change lies on one side of nothing
            when ci_low is not null or (unit in ('share', 'points', 'hours') and source_mart <> 'fct_account_months')
                then case
                    when change_ci_low > 0 then good_direction = 'up_is_good'
                    when change_ci_high < 0 then good_direction = 'down_is_good'
                end
            -- what is counted in full has moved when it is another number
            else (change > 0) = (good_direction = 'up_is_good')
        end as is_better,
        is_attained,
        is_small as is_below_min_n,
        is_complete,
        (is_complete and coalesce(is_settled, true)) as is_settled,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from compared

)

select * from final
