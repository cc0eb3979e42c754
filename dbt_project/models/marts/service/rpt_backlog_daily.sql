{{
    config(
        unique_key=['backlog_date', 'slice_type', 'slice_value'],
        scope='affected_backlog_dates',
        scope_columns=['backlog_date'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per day and slice: episodes opened and solved on the day, and those open at its end
with

dates as (

    select * from {{ ref('affected_backlog_dates') }}

),

bounds as (

    select
        min(backlog_date) as first_date,
        max(backlog_date) as last_date
    from dates

),

episodes as (

    select
        {{ utc_date('episodes.started_at') }} as started_date,
        {{ utc_date('episodes.solved_at') }} as solved_date,
        {{ utc_date('coalesce(episodes.solved_at, episodes.closed_at)') }} as ended_date,
        interactions.team,
        interactions.channel,
        interactions.topic,
        bounds.first_date,
        bounds.last_date
    from {{ ref('episodes') }} as episodes
    inner join {{ ref('interactions') }} as interactions on episodes.interaction_key = interactions.interaction_key
    cross join bounds
    where
        {{ utc_date('episodes.started_at') }} <= bounds.last_date
        and coalesce({{ utc_date('coalesce(episodes.solved_at, episodes.closed_at)') }}, bounds.last_date) >= bounds.first_date

),

counted as (

    -- one row per episode and day on which it was open at some time
    select
        days.day::date as backlog_date,
        episodes.team,
        episodes.channel,
        episodes.topic,
        (episodes.started_date = days.day::date) as is_opened_today,
        (episodes.solved_date = days.day::date) as is_solved_today,
        (episodes.ended_date is null or episodes.ended_date > days.day::date) as is_open_at_end
    from episodes
    cross join
        lateral generate_series(
            greatest(episodes.started_date, episodes.first_date),
            least(coalesce(episodes.ended_date, episodes.last_date), episodes.last_date),
            interval '1 day'
        ) as days (day)
    inner join dates on dates.backlog_date = days.day::date

),

final as (

    select
        counted.backlog_date,
        slices.slice_type,
        slices.slice_value,
        count(*) filter (where counted.is_opened_today)::int as opened_count,
        count(*) filter (where counted.is_solved_today)::int as solved_count,
        count(*) filter (where counted.is_open_at_end)::int as open_count,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted
    cross join
        lateral (
            values
            ('all', 'all'),
            ('team', counted.team),
            ('channel', counted.channel),
            ('topic', counted.topic)
        ) as slices (slice_type, slice_value)
    where slices.slice_value is not null
    group by counted.backlog_date, slices.slice_type, slices.slice_value

)

select * from final
