{{
    config(
        unique_key=['period_type', 'period_start', 'topic', 'pattern'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per week, topic (or all) and pattern: how many of the AI agents' episodes show it
with

episodes as (

    select
        periods.period_type,
        periods.period_start,
        slices.topic,
        episodes.interaction_key,
        episodes.episode_number
    from {{ ref('affected_periods') }} as periods
    inner join {{ ref('fct_ai_episodes') }} as episodes
        on episodes.interaction_date between periods.period_start and periods.period_end
    cross join lateral (values ('all'), (episodes.topic)) as slices (topic)
    where periods.period_type = 'week' and episodes.outcome <> 'pending'

),

final as (

    select
        episodes.period_type,
        episodes.period_start,
        episodes.topic,
        names.pattern,
        count(*)::int as n,
        count(patterns.pattern)::int as pattern_count,
        count(patterns.pattern)::double precision / count(*) as pattern_rate,
        {{ wilson_bound('count(patterns.pattern)', 'count(*)', '-') }} as ci_low,
        {{ wilson_bound('count(patterns.pattern)', 'count(*)', '+') }} as ci_high,
        (count(*) < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from episodes
    cross join (values ('confidently_wrong'), ('contained_but_hard'), ('fast_but_wrong')) as names (pattern)
    left join {{ ref('fct_ai_patterns') }} as patterns
        on
            episodes.interaction_key = patterns.interaction_key
            and episodes.episode_number = patterns.episode_number
            and names.pattern = patterns.pattern
    group by episodes.period_type, episodes.period_start, episodes.topic, names.pattern

)

select * from final
