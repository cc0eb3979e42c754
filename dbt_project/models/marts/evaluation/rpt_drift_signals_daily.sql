{{
    config(
        unique_key=['interaction_date', 'signal', 'slice_type', 'slice_value'],
        is_whole=true,
        indexes=[{'columns': ['slice_type', 'slice_value', 'interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per day, early sign and slice: its moving average against the limits that its own baseline gives it, and the first day on
-- which it left them
{%- set kept = 1 - var('drift_lambda') %}
with

daily as (

    select * from {{ ref('rpt_ai_daily') }}
    where slice_type in ('all', 'topic', 'product_area')

),

-- all versions and agents together: a change of the mix is a change too
summed as (

    select
        daily.interaction_date,
        daily.slice_type,
        daily.slice_value,
        {{ summed_ai_sums('daily') }}
    from daily
    group by daily.interaction_date, daily.slice_type, daily.slice_value

),

measured as (

    select
        summed.interaction_date,
        metrics.metric as signal,
        summed.slice_type,
        summed.slice_value,
        metrics.total::double precision as total,
        metrics.n::double precision as n,
        metrics.square_sum
    from summed
    cross join lateral ({{ ai_metric_values('summed') }}) as metrics (metric, direction, total, n, square_sum)
    where
        metrics.n > 0
        and metrics.metric in ('turns_per_resolution', 'clarification', 'escalation', 'tool_failure', 'negative_feedback')

    union all

    select
        interaction_date,
        'tool_failure' as signal,
        'tool' as slice_type,
        tool_name as slice_value,
        (n - ok_count - unknown_count)::double precision as total,
        (n - unknown_count)::double precision as n,
        null as square_sum
    from {{ ref('rpt_tool_health_daily') }}
    where n > unknown_count

),

series as (

    select distinct
        slice_type,
        slice_value
    from measured

),

first_day as (

    select min(interaction_date) as first_date from summed

),

-- a baseline is the first days, the last ones before a change, or, where nothing changes for a year, the last ones before its end
beginnings as (

    select
        series.slice_type,
        series.slice_value,
        (first_day.first_date + {{ var('baseline_days') }} + years.number * 365)::date as begins_on
    from series
    cross join first_day
    cross join lateral generate_series(0, ({{ utc_date(as_of()) }} - first_day.first_date) / 365) as years (number)

    union

    select
        series.slice_type,
        series.slice_value,
        changes.change_date as begins_on
    from series
    cross join first_day
    inner join {{ ref('fct_changes') }} as changes
        on
            changes.change_date > first_day.first_date + {{ var('baseline_days') }}
            and (changes.is_logged or changes.change_type = 'agent_version')
            and (changes.topic is null or (series.slice_type = 'topic' and series.slice_value = changes.topic))

),

stretches as (

    select
        slice_type,
        slice_value,
        begins_on,
        lead(begins_on) over (partition by slice_type, slice_value order by begins_on) as ends_before
    from beginnings

),

-- the baseline of each stretch, over all days and by day of the week
baseline_days as (

    select
        measured.signal,
        stretches.slice_type,
        stretches.slice_value,
        stretches.begins_on,
        extract(isodow from measured.interaction_date)::int as iso_weekday,
        sum(measured.total) as total,
        sum(measured.n) as n,
        sum(measured.square_sum) as square_sum
    from stretches
    inner join measured
        on
            stretches.slice_type = measured.slice_type
            and stretches.slice_value = measured.slice_value
            and measured.interaction_date between stretches.begins_on - {{ var('baseline_days') }} and stretches.begins_on - 1
    group by
        measured.signal, stretches.slice_type, stretches.slice_value, stretches.begins_on,
        extract(isodow from measured.interaction_date)

),

baselines as (

    select
        signal,
        slice_type,
        slice_value,
        begins_on,
        sum(n) as n,
        sum(total) / sum(n) as value,
        -- of one item: of a share by its own value, drawn towards a half so that none is 0
        case
            when max(square_sum) is null then (sum(total) + 0.5) / (sum(n) + 1) * (1 - (sum(total) + 0.5) / (sum(n) + 1))
            else greatest(0, sum(square_sum) / sum(n) - power(sum(total) / sum(n), 2))
        end as variance
    from baseline_days
    group by signal, slice_type, slice_value, begins_on

),

-- items of one day are not independent: where the days of the baseline differ by more than their sizes explain, the limits are
-- wider by as much (Laney 2002)
dispersions as (

    select
        baselines.signal,
        baselines.slice_type,
        baselines.slice_value,
        baselines.begins_on,
        greatest(
            1,
            -- numeric sums are exact: the same days in another order give the same limits
            sum((power(measured.total - measured.n * baselines.value, 2) / (measured.n * baselines.variance))::numeric)
            / nullif(count(*) - 1, 0)
        )::double precision as dispersion
    from baselines
    inner join measured
        on
            baselines.signal = measured.signal
            and baselines.slice_type = measured.slice_type
            and baselines.slice_value = measured.slice_value
            and measured.interaction_date between baselines.begins_on - {{ var('baseline_days') }} and baselines.begins_on - 1
    where baselines.variance > 0
    group by baselines.signal, baselines.slice_type, baselines.slice_value, baselines.begins_on

),

-- what a day of this weekday is usually like, drawn towards the mean of all days where there are few
expected as (

    select
        measured.*,
        stretches.begins_on,
        (measured.interaction_date - stretches.begins_on)::double precision as age,
        baselines.n as baseline_n,
        baselines.value as baseline_value,
        baselines.variance * coalesce(dispersions.dispersion, 1) as variance,
        (coalesce(weekdays.total, 0) + {{ var('min_cell_n') }} * baselines.value) / (coalesce(weekdays.n, 0) + {{ var('min_cell_n') }})
            as expected_value
    from measured
    inner join stretches
        on
            measured.slice_type = stretches.slice_type
            and measured.slice_value = stretches.slice_value
            and measured.interaction_date >= stretches.begins_on
            and (stretches.ends_before is null or measured.interaction_date < stretches.ends_before)
    left join baselines
        on
            measured.signal = baselines.signal
            and measured.slice_type = baselines.slice_type
            and measured.slice_value = baselines.slice_value
            and stretches.begins_on = baselines.begins_on
    left join dispersions
        on
            measured.signal = dispersions.signal
            and measured.slice_type = dispersions.slice_type
            and measured.slice_value = dispersions.slice_value
            and stretches.begins_on = dispersions.begins_on
    left join baseline_days as weekdays
        on
            measured.signal = weekdays.signal
            and measured.slice_type = weekdays.slice_type
            and measured.slice_value = weekdays.slice_value
            and stretches.begins_on = weekdays.begins_on
            and extract(isodow from measured.interaction_date) = weekdays.iso_weekday

),

-- sums in which a day weighs (1 - lambda) for every day that has passed since
moving as (

    select
        *,
        sum(total * power({{ kept }}, -age)) over stretch * power({{ kept }}, age) as moving_total,
        sum(n * power({{ kept }}, -age)) over stretch * power({{ kept }}, age) as moving_n,
        sum(n * expected_value * power({{ kept }}, -age)) over stretch * power({{ kept }}, age) as moving_expected,
        sum(n * variance * power({{ kept }}, -2 * age)) over stretch * power({{ kept }}, 2 * age) as moving_variance
    from expected
    window stretch as (
        partition by signal, slice_type, slice_value, begins_on
        order by interaction_date
    )

),

limited as (

    select
        *,
        moving_total / moving_n as moving_value,
        moving_expected / moving_n as centre,
        -- the spread of the days, and of the baseline itself
        {{ var('drift_sigmas') }} * sqrt(moving_variance / (moving_n * moving_n) + variance / baseline_n) as width,
        (baseline_n >= {{ var('min_cell_n') }} and moving_n >= {{ var('drift_min_items') }} and variance > 0) as is_judged
    from moving

),

rates as (

    select
        signal,
        slice_type,
        slice_value,
        n::int as n,
        total / n as value,
        baseline_n::int as baseline_n,
        baseline_value,
        moving_value,
        case when is_judged then greatest(0, centre - width) end as limit_low,
        case when is_judged then centre + width end as limit_high,
        coalesce(is_judged and moving_value > centre + width, false) as is_above,
        coalesce(is_judged and moving_value < centre - width, false) as is_below,
        begins_on,
        interaction_date
    from limited

),

{{ score_distribution_drift() }},

signals as (

    select * from rates
    union all
    select * from distribution_signals

),

dated as (

    select
        *,
        min(interaction_date) filter (where is_above) over (
            partition by signal, slice_type, slice_value, begins_on
            order by interaction_date
        ) as first_out_date
    from signals

),

final as (

    select
        dated.signal,
        dated.slice_type,
        dated.slice_value,
        case dated.signal
            when 'turns_per_resolution' then 'Read resolved cases of'
            when 'clarification' then 'Read what customers turned down on'
            when 'escalation' then 'Read the handoffs of'
            when 'tool_failure' then 'Check the tools behind'
            when 'negative_feedback' then 'Read the answers that were rated badly on'
            else 'Compare conversations of this week with those of the baseline for'
        end
        || ' ' || case dated.slice_type when 'all' then 'all topics' else dated.slice_type || ' ' || dated.slice_value end
        || case
            when dated.is_above then ': ' || dated.signal || ' has left its limits'
            else ' when ' || dated.signal || ' leaves its limits'
        end as recommended_action,
        {{ routed_team() }} as owner,
        dated.n,
        dated.baseline_n,
        dated.value,
        dated.baseline_value,
        dated.moving_value,
        dated.limit_low,
        dated.limit_high,
        dated.is_above as is_worse,
        dated.is_below as is_better,
        (dated.limit_high is null) as is_below_min_n,
        dated.begins_on as baseline_until_date,
        dated.first_out_date,
        dated.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from dated
    {{ route_joins("'drift_' || dated.signal", "case when dated.slice_type = 'topic' then dated.slice_value end") }}

)

select * from final
