{{
    config(
        unique_key=['period_type', 'period_start', 'agent_key', 'subject', 'measure_type', 'measure_id'],
        scope='affected_scorecard_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['agent_key', 'period_type', 'period_start']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per period, agent, judged side and measure (total, dimension, indicator): value, interval, change, place among peers
with

periods as (

    select * from {{ ref('affected_scorecard_periods') }}

),

agents as (

    select * from {{ ref('agents') }}

),

-- the period before each affected one is read too: the change is measured against it
read_periods as (

    select * from periods

    union

    select
        period_type,
        case period_type
            when 'week' then period_start - 7
            else (period_start - interval '1 month')::date
        end as period_start,
        period_start - 1 as period_end
    from periods

),

-- days, so that the sums are joined by equality
period_days as (

    select
        read_periods.period_type,
        read_periods.period_start,
        days.day::date as interaction_date
    from read_periods
    cross join lateral generate_series(read_periods.period_start, read_periods.period_end, interval '1 day') as days (day)

),

sums as (

    select
        period_days.period_type,
        period_days.period_start,
        score_days.slice_value as agent_key,
        score_days.subject,
        score_days.measure_type,
        score_days.measure_id,
        sum(score_days.n)::int as n,
        sum(score_days.score_sum) as score_sum,
        sum(score_days.score_square_sum) as score_square_sum
    from period_days
    inner join {{ ref('score_days') }} as score_days on period_days.interaction_date = score_days.interaction_date
    where score_days.slice_type = 'agent'
    group by
        period_days.period_type, period_days.period_start, score_days.slice_value, score_days.subject,
        score_days.measure_type, score_days.measure_id

),

summed as (

    select
        sums.*,
        (sums.score_sum / sums.n)::double precision as value,
        {{ stddev_of_sums('sums.n', 'sums.score_sum', 'sums.score_square_sum') }} as stddev_value,
        -- an indicator that holds counts 100
        (sums.score_sum / 100)::double precision as holds_count
    from sums

),

with_previous as (

    select
        summed.*,
        previous.value as previous_value,
        previous.n as previous_n,
        previous.stddev_value as previous_stddev_value
    from summed
    left join summed as previous
        on
            summed.period_type = previous.period_type
            and summed.agent_key = previous.agent_key
            and summed.subject = previous.subject
            and summed.measure_type = previous.measure_type
            and summed.measure_id = previous.measure_id
            and previous.period_start = case summed.period_type
                when 'week' then summed.period_start - 7
                else (summed.period_start - interval '1 month')::date
            end
    inner join periods
        on
            summed.period_type = periods.period_type
            and summed.period_start = periods.period_start

),

described as (

    select
        with_previous.*,
        agents.agent_name,
        agents.team,
        case
            when with_previous.period_start - {{ utc_date('agents.started_at') }} < {{ var('tenure_bands_days')[0] }} then 'new'
            when with_previous.period_start - {{ utc_date('agents.started_at') }} < {{ var('tenure_bands_days')[1] }}
                then 'established'
            else 'senior'
        end as tenure_band
    from with_previous
    inner join agents on with_previous.agent_key = agents.agent_key

),

peers as (

    -- peers are the agents of the same team, side and tenure band with the measure in the period
    select
        period_type,
        period_start,
        subject,
        measure_type,
        measure_id,
        coalesce(team, '') as peer_team,
        tenure_band,
        percentile_cont(0.5) within group (order by value) as peer_median,
        count(*)::int as peer_count
    from described
    group by
        period_type, period_start, subject, measure_type, measure_id, coalesce(team, ''), tenure_band

),

ranked as (

    select
        described.*,
        peers.peer_median,
        peers.peer_count,
        case
            when peers.peer_count > 1
                then percent_rank() over (
                    partition by
                        described.period_type, described.period_start, described.subject, described.measure_type,
                        described.measure_id, coalesce(described.team, ''), described.tenure_band
                    order by described.value
                )
        end as peer_percentile
    from described
    inner join peers
        on
            described.period_type = peers.period_type
            and described.period_start = peers.period_start
            and described.subject = peers.subject
            and described.measure_type = peers.measure_type
            and described.measure_id = peers.measure_id
            and coalesce(described.team, '') = peers.peer_team
            and described.tenure_band = peers.tenure_band

),

final as (

    select
        period_type,
        period_start,
        agent_key,
        subject,
        measure_type,
        measure_id,
        agent_name,
        team,
        tenure_band,
        n,
        previous_n,
        peer_count,
        value,
        -- an indicator is a proportion and takes the Wilson interval; a score takes the interval of a mean
        case
            when measure_type = 'indicator' then 100 * {{ wilson_bound('holds_count', 'n', '-') }}
            else case when n > 1 then greatest(0, value - {{ mean_half_width('stddev_value', 'n') }}) end
        end as ci_low,
        case
            when measure_type = 'indicator' then 100 * {{ wilson_bound('holds_count', 'n', '+') }}
            else case when n > 1 then least(100, value + {{ mean_half_width('stddev_value', 'n') }}) end
        end as ci_high,
        previous_value,
        value - previous_value as change,
        case
            when previous_value is null or n < 2 or previous_n < 2 then null
            when abs(value - previous_value) <= {{ var('z_95') }} * sqrt(
                power(stddev_value, 2) / n + power(previous_stddev_value, 2) / previous_n
            ) then 'steady'
            when value > previous_value then 'improving'
            else 'declining'
        end as trend,
        peer_median,
        peer_percentile::double precision as peer_percentile,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from ranked

)

select * from final
