{{
    config(
        unique_key=['backlog_date', 'slice_type', 'slice_value'],
        is_whole=true,
        indexes=[{'columns': ['slice_type', 'slice_value', 'backlog_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per day and slice: episodes opened and solved on the day, and those open at its end
with

episodes as (

    select
        {{ utc_date('episodes.started_at') }} as started_date,
        {{ utc_date('episodes.solved_at') }} as solved_date,
        {{ utc_date('coalesce(episodes.solved_at, episodes.closed_at)') }} as ended_date,
        interactions.team,
        interactions.channel,
        interactions.topic
    from {{ ref('episodes') }} as episodes
    inner join {{ ref('interactions') }} as interactions on episodes.interaction_key = interactions.interaction_key

),

-- an episode is open from the day on which it starts: what started until a day and had not ended by then is open at its end
moves as (

    select
        moved.moved_date,
        episodes.team,
        episodes.channel,
        episodes.topic,
        sum(moved.opened) as opened_count,
        sum(moved.solved) as solved_count,
        sum(moved.ended) as ended_count
    from episodes
    cross join
        lateral (
            values
            (episodes.started_date, 1, 0, 0),
            (episodes.solved_date, 0, 1, 0),
            (episodes.ended_date, 0, 0, 1)
        ) as moved (moved_date, opened, solved, ended)
    where
        moved.moved_date is not null
        and (episodes.ended_date is null or episodes.ended_date >= episodes.started_date)
    group by moved.moved_date, episodes.team, episodes.channel, episodes.topic

),

moved_days as (

    select
        moved_date,
        case grouping(team, channel, topic) when 7 then 'all' when 3 then 'team' when 5 then 'channel' else 'topic' end as slice_type,
        case when grouping(team, channel, topic) = 7 then 'all' else coalesce(team, channel, topic) end as slice_value,
        sum(opened_count)::int as opened_count,
        sum(solved_count)::int as solved_count,
        sum(ended_count)::int as ended_count
    from moves
    group by moved_date, grouping sets ((), (team), (channel), (topic))

),

slices as (

    select
        slice_type,
        slice_value,
        min(moved_date) as first_date
    from moved_days
    where slice_value is not null
    group by slice_type, slice_value

),

sliced_days as (

    select
        slices.slice_type,
        slices.slice_value,
        days.backlog_date::date as backlog_date
    from slices
    cross join
        lateral generate_series(
            slices.first_date, {{ utc_date(as_of() ~ " - interval '1 microsecond'") }}, interval '1 day'
        ) as days (backlog_date)

),

counted as (

    select
        sliced_days.backlog_date,
        sliced_days.slice_type,
        sliced_days.slice_value,
        coalesce(moved_days.opened_count, 0) as opened_count,
        coalesce(moved_days.solved_count, 0) as solved_count,
        coalesce(moved_days.ended_count, 0) as ended_count,
        (
            sum(coalesce(moved_days.opened_count, 0) - coalesce(moved_days.ended_count, 0)) over (
                partition by sliced_days.slice_type, sliced_days.slice_value
                order by sliced_days.backlog_date
            )
        )::int as open_count
    from sliced_days
    left join moved_days
        on
            sliced_days.slice_type = moved_days.slice_type
            and sliced_days.slice_value = moved_days.slice_value
            and sliced_days.backlog_date = moved_days.moved_date

),

final as (

    select
        counted.backlog_date,
        counted.slice_type,
        counted.slice_value,
        counted.opened_count,
        counted.solved_count,
        counted.open_count,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted
    -- a day on which nothing of the slice was open, at its end or before, has no row
    where counted.opened_count + counted.ended_count + counted.open_count > 0

)

select * from final
