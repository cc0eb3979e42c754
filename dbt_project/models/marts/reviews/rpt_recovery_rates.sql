{{
    config(
        unique_key=['period_type', 'period_start', 'slice_type', 'slice_value', 'subject'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per week or month, agent or team, and judged side: how many interactions turned negative and how many of them recovered
with

periods as (

    select
        period_type,
        period_start,
        (period_end + 1)::date as next_start
    from {{ ref('affected_periods') }}
    where period_type in ('week', 'month')

),

judged as (

    select
        periods.period_type,
        periods.period_start,
        scores.subject,
        scores.agent_key,
        facts.team,
        (trajectories.minimum_polarity < {{ var('negative_polarity') }}) as is_negative,
        (trajectories.trajectory_class = 'recovered') as is_recovered
    from periods
    inner join {{ ref('fct_interaction_scores') }} as scores
        on
            periods.period_start <= scores.interaction_date
            and periods.next_start > scores.interaction_date
    inner join {{ ref('fct_interactions') }} as facts on scores.interaction_key = facts.interaction_key
    inner join {{ ref('fct_sentiment_trajectories') }} as trajectories
        on scores.interaction_key = trajectories.interaction_key
    -- fewer than three customer messages, and languages without a lexicon, have no course that could turn
    where trajectories.minimum_polarity is not null and trajectories.trajectory_class <> 'too_short'

),

counted as (

    select
        judged.period_type,
        judged.period_start,
        slices.slice_type,
        slices.slice_value,
        judged.subject,
        count(*)::int as interaction_count,
        count(*) filter (where judged.is_negative)::int as n,
        count(*) filter (where judged.is_negative and judged.is_recovered)::int as recovered_count
    from judged
    cross join
        lateral (
            values ('all', 'all'), ('agent', judged.agent_key), ('team', judged.team)
        ) as slices (slice_type, slice_value)
    where slices.slice_value is not null
    group by judged.period_type, judged.period_start, slices.slice_type, slices.slice_value, judged.subject

),

final as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        subject,
        interaction_count,
        n,
        recovered_count,
        recovered_count::double precision / nullif(n, 0) as recovery_rate,
        {{ wilson_bound('recovered_count', 'n', '-') }} as ci_low,
        {{ wilson_bound('recovered_count', 'n', '+') }} as ci_high,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted

)

select * from final
