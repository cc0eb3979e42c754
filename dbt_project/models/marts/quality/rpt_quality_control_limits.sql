{{
    config(
        unique_key=['interaction_date', 'slice_type', 'slice_value', 'subject', 'measure_type', 'measure_id'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per day, team or topic, judged side and measure: the moving average of the scores against the limits that its own baseline and
-- the day of the week give it, with the change that the days are held against
{%- set kept = 1 - var('drift_lambda') %}
{%- set sigmas = var('drift_sigmas') %}
with

measured as (

    select
        interaction_date,
        slice_type,
        slice_value,
        subject,
        measure_type,
        measure_id,
        md5(concat_ws('|', slice_type, slice_value, subject, measure_type, measure_id)) as series,
        n::double precision as n,
        score_sum::double precision as total,
        score_square_sum::double precision as square_sum,
        score_cube_sum::double precision as cube_sum
    from {{ ref('score_days') }}
    where slice_type in ('all', 'team', 'topic') and measure_type in ('total', 'dimension')

),

series as (

    select
        series,
        min(slice_type) as slice_type,
        min(slice_value) as slice_value,
        min(subject) as subject,
        min(interaction_date) as first_date
    from measured
    group by series

),

-- what changed where the series is measured; a version of an AI agent changes no person
changes as (

    select distinct on (series.series, changes.change_date)
        series.series,
        changes.change_date as begins_on,
        changes.change_key
    from series
    inner join {{ ref('fct_changes') }} as changes
        on
            changes.change_date > series.first_date + {{ var('baseline_days') }}
            and (changes.is_logged or changes.change_type = 'agent_version')
            and (series.subject = 'ai_agent' or changes.change_type <> 'agent_version')
            and (changes.topic is null or (series.slice_type = 'topic' and series.slice_value = changes.topic))
    order by series.series asc, changes.change_date asc, changes.is_logged desc, changes.changed_at desc, changes.change_key asc

),

-- a baseline is the first days, the last ones before a change, or, where nothing changes for a year, the last ones before its end
beginnings as (

    select
        series.series,
        (series.first_date + {{ var('baseline_days') }} + years.number * 365)::date as begins_on
    from series
    cross join
        lateral generate_series(0, greatest(0, {{ utc_date(as_of()) }} - series.first_date) / 365) as years (number)

    union

    select
        series,
        begins_on
    from changes

),

stretches as (

    select
        series,
        begins_on,
        lead(begins_on) over (partition by series order by begins_on) as ends_before
    from beginnings

),

baseline_rows as (

    select
        measured.*,
        stretches.begins_on
    from stretches
    inner join measured
        on
            stretches.series = measured.series
            and measured.interaction_date between stretches.begins_on - {{ var('baseline_days') }} and stretches.begins_on - 1

),

moments as (

    select
        series,
        begins_on,
        sum(n) as n,
        -- sums of decimals are exact: the same days in another order give the same limits
        (sum(total::numeric) / sum(n::numeric))::double precision as value,
        (sum(square_sum::numeric) / sum(n::numeric))::double precision as square_mean,
        (sum(cube_sum::numeric) / sum(n::numeric))::double precision as cube_mean
    from baseline_rows
    group by series, begins_on

),

baselines as (

    select
        series,
        begins_on,
        n,
        value,
        -- what is left of equal scores is what rounding leaves
        case when square_mean - value * value > 1e-6 then square_mean - value * value else 0 end as variance,
        cube_mean - 3 * value * square_mean + 2 * power(value, 3) as third_moment
    from moments

),

weekdays as (

    select
        series,
        begins_on,
        extract(isodow from interaction_date)::int as iso_weekday,
        sum(n) as n,
        sum(total::numeric)::double precision as total
    from baseline_rows
    group by series, begins_on, extract(isodow from interaction_date)

),

-- scores of one day are not independent: where the days of the baseline differ by more than their sizes explain, the limits are wider
-- by as much (Laney 2002)
dispersions as (

    select
        baselines.series,
        baselines.begins_on,
        greatest(
            1,
            sum(
                (power(baseline_rows.total - baseline_rows.n * baselines.value, 2) / (baseline_rows.n * baselines.variance))::numeric
            ) / nullif(count(*) - 1, 0)
        )::double precision as dispersion
    from baselines
    inner join baseline_rows
        on
            baselines.series = baseline_rows.series
            and baselines.begins_on = baseline_rows.begins_on
    where baselines.variance > 0
    group by baselines.series, baselines.begins_on

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
        baselines.third_moment / nullif(power(baselines.variance, 1.5), 0) as skewness,
        (coalesce(weekdays.total, 0) + {{ var('min_cell_n') }} * baselines.value) / (coalesce(weekdays.n, 0) + {{ var('min_cell_n') }})
            as expected_value
    from measured
    inner join stretches
        on
            measured.series = stretches.series
            and measured.interaction_date >= stretches.begins_on
            and (stretches.ends_before is null or measured.interaction_date < stretches.ends_before)
    left join baselines
        on
            measured.series = baselines.series
            and stretches.begins_on = baselines.begins_on
    left join dispersions
        on
            measured.series = dispersions.series
            and stretches.begins_on = dispersions.begins_on
    left join weekdays
        on
            measured.series = weekdays.series
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
        sum(n * variance * power({{ kept }}, -2 * age)) over stretch * power({{ kept }}, 2 * age) as moving_variance,
        sum(n * power({{ kept }}, -2 * age)) over stretch * power({{ kept }}, 2 * age) as moving_square_n,
        sum(n * power({{ kept }}, -3 * age)) over stretch * power({{ kept }}, 3 * age) as moving_cube_n
    from expected
    window stretch as (
        partition by series, begins_on
        order by interaction_date
    )

),

limited as (

    select
        *,
        moving_total / moving_n as moving_value,
        moving_expected / moving_n as centre,
        -- the spread of the days, and of the baseline itself
        sqrt(moving_variance / (moving_n * moving_n) + variance / baseline_n) as standard_error,
        -- few low scores among many high ones: the mean of a few falls further than it rises (Cornish and Fisher 1938)
        ({{ sigmas }} * {{ sigmas }} - 1) / 6 * skewness * moving_cube_n / power(moving_square_n, 1.5) as skew_sigmas,
        coalesce(baseline_n >= {{ var('min_cell_n') }} and moving_n >= {{ var('drift_min_items') }} and variance > 0, false) as is_judged
    from moving

),

bounded as (

    select
        *,
        case when is_judged then centre - ({{ sigmas }} + greatest(0, -skew_sigmas)) * standard_error end as limit_low,
        case when is_judged then centre + ({{ sigmas }} + greatest(0, skew_sigmas)) * standard_error end as limit_high
    from limited

),

judged as (

    select
        *,
        coalesce(moving_value < limit_low, false) as is_worse,
        coalesce(moving_value > limit_high, false) as is_better
    from bounded

),

dated as (

    select
        *,
        min(interaction_date) filter (where is_worse) over stretch as first_worse_date,
        min(interaction_date) filter (where is_better) over stretch as first_better_date
    from judged
    window stretch as (
        partition by series, begins_on
        order by interaction_date
    )

),

final as (

    select
        dated.slice_type,
        dated.slice_value,
        dated.subject,
        dated.measure_type,
        dated.measure_id,
        case
            when not dated.is_judged then 'insufficient'
            when dated.is_worse then 'decline'
            when dated.is_better then 'win'
            else 'within'
        end as verdict,
        noted.change_key,
        noted.change_type,
        noted.changed,
        case
            when dated.is_worse and noted.change_key is not null then 'Look at what ' || noted.changed || ' changed for'
            when dated.is_worse then 'Read the lowest scores of'
            when dated.is_better and noted.change_key is not null then 'Keep what ' || noted.changed || ' changed for'
            when dated.is_better then 'Find out what works in'
            else 'Go on with'
        end
        || case dated.slice_type when 'all' then ' all teams' else ' ' || dated.slice_type || ' ' || dated.slice_value end
        || case dated.measure_type when 'total' then '' else ', on ' || dated.measure_id end as recommended_action,
        {{ routed_team() }} as owner,
        dated.n::int as n,
        dated.baseline_n::int as baseline_n,
        dated.total / dated.n as value,
        dated.baseline_value,
        dated.centre as expected_value,
        dated.moving_value,
        case when dated.is_judged then greatest(0, dated.limit_low) end as limit_low,
        case when dated.is_judged then least(100, dated.limit_high) end as limit_high,
        (dated.is_worse or dated.is_better) as is_out_of_limits,
        (not dated.is_judged) as is_below_min_n,
        dated.begins_on as baseline_until_date,
        case when dated.is_worse then dated.first_worse_date when dated.is_better then dated.first_better_date end as first_out_date,
        dated.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from dated
    left join changes
        on
            dated.series = changes.series
            and dated.begins_on = changes.begins_on
    left join {{ ref('fct_changes') }} as noted on changes.change_key = noted.change_key
    {{ route_joins("'quality_decline'", "case when dated.slice_type = 'topic' then dated.slice_value end") }}

)

select * from final
