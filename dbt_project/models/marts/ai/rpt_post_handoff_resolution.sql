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

-- what is like: the same topic and channel, and where enough cases began with a person the same complexity and priority too
levelled as (

    select
        sliced.*,
        levels.level,
        levels.cell
    from sliced
    cross join
        lateral (
            values
            (1, concat_ws('|', sliced.channel, sliced.topic, sliced.complexity, sliced.priority)),
            (2, concat_ws('|', sliced.channel, sliced.topic, sliced.complexity)),
            (3, concat_ws('|', sliced.channel, sliced.topic))
        ) as levels (level, cell)

),

cells as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        level,
        cell,
        count(*) filter (where not is_handoff) as human_count
    from levelled
    group by period_type, period_start, slice_type, slice_value, level, cell

),

-- the finest cell that holds enough, else the finest that holds any; a handoff without any like compares nothing
matched as (

    select distinct on (
        levelled.period_type, levelled.period_start, levelled.slice_type, levelled.slice_value, levelled.interaction_key,
        levelled.episode_number
    )
        levelled.*,
        cells.human_count
    from levelled
    inner join cells
        on
            levelled.period_type = cells.period_type
            and levelled.period_start = cells.period_start
            and levelled.slice_type = cells.slice_type
            and levelled.slice_value = cells.slice_value
            and levelled.level = cells.level
            and levelled.cell = cells.cell
    where levelled.is_handoff and cells.human_count > 0
    order by
        levelled.period_type asc, levelled.period_start asc, levelled.slice_type asc, levelled.slice_value asc,
        levelled.interaction_key asc, levelled.episode_number asc,
        (cells.human_count >= {{ var('like_cases') }}) desc, levelled.level asc

),

used as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        level,
        cell,
        count(*)::numeric / max(human_count) as weight
    from matched
    group by period_type, period_start, slice_type, slice_value, level, cell

),

-- what began with a person is weighted to the mix of what was handed over
weighted as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        interaction_key,
        episode_number,
        true as is_handoff,
        minutes,
        1::numeric as weight
    from matched

    union all

    select
        levelled.period_type,
        levelled.period_start,
        levelled.slice_type,
        levelled.slice_value,
        levelled.interaction_key,
        levelled.episode_number,
        false as is_handoff,
        levelled.minutes,
        sum(used.weight) as weight
    from levelled
    inner join used
        on
            levelled.period_type = used.period_type
            and levelled.period_start = used.period_start
            and levelled.slice_type = used.slice_type
            and levelled.slice_value = used.slice_value
            and levelled.level = used.level
            and levelled.cell = used.cell
    where not levelled.is_handoff
    group by
        levelled.period_type, levelled.period_start, levelled.slice_type, levelled.slice_value, levelled.interaction_key,
        levelled.episode_number, levelled.minutes

),

-- where each episode stands among those of its side, from 0 to 1
ranked as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        is_handoff,
        minutes,
        sum(weight) over (
            partition by period_type, period_start, slice_type, slice_value, is_handoff
            order by minutes, interaction_key, episode_number
        ) / sum(weight) over (partition by period_type, period_start, slice_type, slice_value, is_handoff) as share
    from weighted

),

sides as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        is_handoff,
        power(sum(weight), 2) / sum(power(weight, 2)) as effective_n
    from weighted
    group by period_type, period_start, slice_type, slice_value, is_handoff

),

-- draw 0 is the data; the median of any other draw stands where the median of as many resampled episodes would: at 0.5, give or
-- take a standard deviation of 0.5 / sqrt(n). What is random is read off a hash, so that the same rows give the same interval.
drawn as (

    select
        sides.*,
        draws.draw,
        case
            when draws.draw = 0 then 0.5
            else greatest(0, least(1, 0.5 + 0.5 / sqrt(sides.effective_n) * {{ normal_of("seeds.seed") }}))
        end as share
    from sides
    cross join generate_series(0, {{ var('bootstrap_draws') }}) as draws (draw)
    cross join
        lateral (
            select concat_ws(':', sides.period_start, sides.slice_type, sides.slice_value, sides.is_handoff, draws.draw) as seed
        ) as seeds

),

laid_out as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        is_handoff,
        share,
        minutes,
        null::int as draw
    from ranked

    union all

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        is_handoff,
        share,
        null as minutes,
        draw
    from drawn

),

-- minutes rise with the share: the least of those from the draw on is the first one
located as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        is_handoff,
        draw,
        min(minutes) over (
            partition by period_type, period_start, slice_type, slice_value, is_handoff
            order by share desc, (draw is not null) asc rows between unbounded preceding and current row
        ) as minutes
    from laid_out

),

medians as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        draw,
        max(minutes) filter (where is_handoff) as handoff_minutes,
        max(minutes) filter (where not is_handoff) as human_minutes
    from located
    where draw is not null
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

compared as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        count(*) filter (where is_handoff)::int as handoff_n,
        count(*) filter (where not is_handoff)::int as human_n
    from weighted
    group by period_type, period_start, slice_type, slice_value

),

counted as (

    select
        sliced.period_type,
        sliced.period_start,
        sliced.slice_type,
        sliced.slice_value,
        count(*) filter (where sliced.is_handoff)::int as handoff_count,
        coalesce(max(compared.handoff_n), 0) as handoff_n,
        coalesce(max(compared.human_n), 0) as human_n
    from sliced
    left join compared
        on
            sliced.period_type = compared.period_type
            and sliced.period_start = compared.period_start
            and sliced.slice_type = compared.slice_type
            and sliced.slice_value = compared.slice_value
    group by sliced.period_type, sliced.period_start, sliced.slice_type, sliced.slice_value

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
