{{
    config(
        unique_key=['period_type', 'period_start', 'slice_type', 'slice_value'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month and slice: how long people need after a handoff, as a ratio of medians to what began with a person, like for like
with

periods as (

    select
        period_type,
        period_start,
        period_end
    from {{ ref('affected_periods') }}
    where period_type = 'month'

),

complexities as (

    select
        interaction_key,
        complexity
    from {{ ref('fct_interaction_scores') }}
    where subject = 'human_agent'

),

solved as (

    select
        periods.period_type,
        periods.period_start,
        episodes.interaction_key,
        episodes.episode_number,
        coalesce(handoffs.interaction_key is not null, false) as is_handoff,
        interactions.topic,
        coalesce(complexities.complexity, 'unknown') as complexity,
        coalesce(interactions.priority, 'none') as priority,
        coalesce(interactions.channel, 'unknown') as channel,
        coalesce(
            handoffs.post_handoff_minutes,
            {{ minutes_between('episodes.first_human_reply_at', 'episodes.solved_at') }}
        ) as minutes
    from periods
    inner join {{ ref('interactions') }} as interactions
        on interactions.interaction_date between periods.period_start and periods.period_end
    inner join {{ ref('episodes') }} as episodes on interactions.interaction_key = episodes.interaction_key
    left join {{ ref('fct_handoffs') }} as handoffs
        on
            episodes.interaction_key = handoffs.interaction_key
            and episodes.episode_number = handoffs.episode_number
    left join complexities on interactions.interaction_key = complexities.interaction_key
    where
        episodes.is_solved
        and episodes.solved_at >= episodes.first_human_reply_at
        and (episodes.handled_by = 'human_only' or handoffs.taken_over_at is not null)

),

sliced as (

    select
        solved.*,
        slices.slice_type,
        slices.slice_value
    from solved
    cross join
        lateral (
            values ('all', 'all'), ('topic', solved.topic), ('channel', solved.channel)
        ) as slices (slice_type, slice_value)

),

cells as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        topic,
        complexity,
        priority,
        channel,
        count(*) filter (where is_handoff) as handoff_count,
        count(*) filter (where not is_handoff) as human_count
    from sliced
    group by period_type, period_start, slice_type, slice_value, topic, complexity, priority, channel

),

-- what began with a person is weighted to the mix of what was handed over; a cell without the other kind compares nothing
weighted as (

    select
        sliced.period_type,
        sliced.period_start,
        sliced.slice_type,
        sliced.slice_value,
        sliced.interaction_key,
        sliced.episode_number,
        sliced.is_handoff,
        sliced.minutes,
        case when sliced.is_handoff then 1.0 else cells.handoff_count::numeric / cells.human_count end as weight
    from sliced
    inner join cells
        on
            sliced.period_type = cells.period_type
            and sliced.period_start = cells.period_start
            and sliced.slice_type = cells.slice_type
            and sliced.slice_value = cells.slice_value
            and sliced.topic = cells.topic
            and sliced.complexity = cells.complexity
            and sliced.priority = cells.priority
            and sliced.channel = cells.channel
    where cells.handoff_count > 0 and cells.human_count > 0

),

-- draw 0 is the data; each other draw takes an episode as often as a Poisson number with mean 1, read off a hash, so that the
-- same rows give the same interval
drawn as (

    select
        weighted.period_type,
        weighted.period_start,
        weighted.slice_type,
        weighted.slice_value,
        weighted.is_handoff,
        weighted.minutes,
        draws.draw,
        weighted.interaction_key,
        weighted.episode_number,
        weighted.weight * case
            when draws.draw = 0 then 1
            when rolls.roll < 0.367879 then 0
            when rolls.roll < 0.735759 then 1
            when rolls.roll < 0.919699 then 2
            when rolls.roll < 0.981012 then 3
            when rolls.roll < 0.996340 then 4
            else 5
        end as weight
    from weighted
    cross join generate_series(0, {{ var('bootstrap_draws') }}) as draws (draw)
    cross join
        lateral (
            select
                (hashtext(weighted.interaction_key || ':' || weighted.episode_number || ':' || draws.draw)::bigint + 2147483648)
                / 4294967296.0 as roll
        ) as rolls

),

cumulated as (

    select
        *,
        sum(weight) over (
            partition by period_type, period_start, slice_type, slice_value, draw, is_handoff
            order by minutes, interaction_key, episode_number
        ) as weight_so_far,
        sum(weight) over (partition by period_type, period_start, slice_type, slice_value, draw, is_handoff) as weight_sum
    from drawn
    where weight > 0

),

medians as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        draw,
        min(minutes) filter (where is_handoff and weight_so_far >= weight_sum / 2) as handoff_minutes,
        min(minutes) filter (where not is_handoff and weight_so_far >= weight_sum / 2) as human_minutes
    from cumulated
    group by period_type, period_start, slice_type, slice_value, draw

),

ratios as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        max(handoff_minutes) filter (where draw = 0) as handoff_median_minutes,
        max(human_minutes) filter (where draw = 0) as human_median_minutes,
        max(handoff_minutes / nullif(human_minutes, 0)) filter (where draw = 0) as median_ratio,
        percentile_cont(0.025) within group (order by handoff_minutes / nullif(human_minutes, 0)) filter (where draw > 0)
            as ci_low,
        percentile_cont(0.975) within group (order by handoff_minutes / nullif(human_minutes, 0)) filter (where draw > 0)
            as ci_high
    from medians
    group by period_type, period_start, slice_type, slice_value

),

counted as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        sum(handoff_count)::int as handoff_count,
        sum(case when human_count > 0 then handoff_count else 0 end)::int as handoff_n,
        sum(case when handoff_count > 0 then human_count else 0 end)::int as human_n
    from cells
    group by period_type, period_start, slice_type, slice_value

),

final as (

    select
        counted.period_type,
        counted.period_start,
        counted.slice_type,
        counted.slice_value,
        counted.handoff_count,
        counted.handoff_n,
        counted.human_n,
        ratios.handoff_median_minutes,
        ratios.human_median_minutes,
        ratios.median_ratio,
        ratios.ci_low,
        ratios.ci_high,
        (least(counted.handoff_n, counted.human_n) < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted
    left join ratios
        on
            counted.period_type = ratios.period_type
            and counted.period_start = ratios.period_start
            and counted.slice_type = ratios.slice_type
            and counted.slice_value = ratios.slice_value
    where counted.handoff_count > 0

)

select * from final
