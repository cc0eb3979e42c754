{{
    config(
        unique_key=['interaction_key', 'episode_number', 'pattern'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['period_start']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per episode of an AI agent and pattern that looks good in one figure and is not: the pattern with the figure that hides it
with

periods as (

    select * from {{ ref('affected_periods') }}
    where period_type = 'week'

),

-- fast is what the quickest quarter of the week's episodes took
quartiles as (

    select
        periods.period_start,
        percentile_cont(0.25) within group (order by peers.handle_minutes) as fastest_quartile
    from periods
    inner join {{ ref('fct_ai_episodes') }} as peers
        on peers.interaction_date between periods.period_start and periods.period_end
    where peers.outcome <> 'pending'
    group by periods.period_start

),

episodes as (

    select
        periods.period_type,
        periods.period_start,
        episodes.*,
        quartiles.fastest_quartile
    from periods
    inner join {{ ref('fct_ai_episodes') }} as episodes
        on episodes.interaction_date between periods.period_start and periods.period_end
    left join quartiles on periods.period_start = quartiles.period_start

),

final as (

    select
        episodes.interaction_key,
        episodes.period_type,
        episodes.topic,
        episodes.agent_version,
        patterns.pattern,
        episodes.outcome,
        episodes.episode_number,
        episodes.effort,
        episodes.last_confidence,
        episodes.handle_minutes,
        episodes.period_start,
        episodes.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from episodes
    cross join
        lateral (
            values
            ('confidently_wrong', episodes.is_confidently_wrong),
            ('contained_but_hard', episodes.is_contained_but_hard),
            (
                'fast_but_wrong',
                episodes.outcome <> 'pending'
                and episodes.handle_minutes <= episodes.fastest_quartile
                and (
                    episodes.outcome in ('returned', 'abandoned')
                    or (episodes.judged_answer_count > 0 and episodes.useful_answer_count = 0)
                )
            )
        ) as patterns (pattern, holds)
    where patterns.holds

)

select * from final
