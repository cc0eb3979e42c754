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

episodes as (

    select
        episodes.started_at,
        coalesce(episodes.solved_at, episodes.closed_at) as ended_at,
        episodes.solved_at,
        interactions.team,
        interactions.channel,
        interactions.topic
    from {{ ref('episodes') }} as episodes
    inner join {{ ref('interactions') }} as interactions on episodes.interaction_key = interactions.interaction_key

),

counted as (

    select
        dates.backlog_date,
        episodes.team,
        episodes.channel,
        episodes.topic,
        (episodes.started_at >= dates.backlog_date::timestamp at time zone 'UTC') as is_opened_today,
        (
            episodes.solved_at >= dates.backlog_date::timestamp at time zone 'UTC'
            and episodes.solved_at < (dates.backlog_date + 1)::timestamp at time zone 'UTC'
        ) as is_solved_today,
        (episodes.ended_at is null or episodes.ended_at >= (dates.backlog_date + 1)::timestamp at time zone 'UTC') as is_open_at_end
    from dates
    inner join episodes
        on
            episodes.started_at < (dates.backlog_date + 1)::timestamp at time zone 'UTC'
            and (episodes.ended_at is null or episodes.ended_at >= dates.backlog_date::timestamp at time zone 'UTC')

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
