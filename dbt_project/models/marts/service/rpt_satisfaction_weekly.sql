{{
    config(
        unique_key=['period_start', 'slice_type', 'slice_value', 'handled_by', 'source_type'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per week, slice, who handled it, and kind of signal: how many were positive; ratings and proxies are never averaged together
with

periods as (

    select
        period_type,
        period_start,
        (period_end + 1)::date as next_start
    from {{ ref('affected_periods') }}
    where period_type = 'week'

),

facts as (

    select
        periods.period_type,
        periods.period_start,
        facts.*
    from periods
    inner join {{ ref('fct_interactions') }} as facts
        on
            periods.period_start <= facts.interaction_date
            and periods.next_start > facts.interaction_date
    where facts.is_eligible

),

kinds as (

    select distinct
        facts.period_start,
        signals.source_type
    from facts
    inner join {{ ref('fct_satisfaction_signals') }} as signals on facts.interaction_key = signals.interaction_key

),

given as (

    select
        facts.interaction_key,
        signals.source_type,
        count(*)::int as signal_count,
        (count(signals.is_positive))::int as judged_count,
        (count(*) filter (where signals.is_positive))::int as positive_count,
        -- sums of decimals do not depend on the order of their rows
        avg(signals.score::numeric) as score
    from facts
    inner join {{ ref('fct_satisfaction_signals') }} as signals on facts.interaction_key = signals.interaction_key
    group by facts.interaction_key, signals.source_type

),

counted as (

    select
        facts.period_type,
        facts.period_start,
        slices.slice_type,
        slices.slice_value,
        facts.handled_by,
        kinds.source_type,
        count(*)::int as interaction_count,
        count(given.interaction_key)::int as answered_count,
        coalesce(sum(given.judged_count), 0)::int as n,
        coalesce(sum(given.positive_count), 0)::int as positive_count,
        avg(given.score)::double precision as mean_score
    from facts
    inner join kinds on facts.period_start = kinds.period_start
    left join given
        on
            facts.interaction_key = given.interaction_key
            and kinds.source_type = given.source_type
    cross join
        lateral (
            values ('all', 'all'), ('channel', facts.channel), ('topic', facts.topic), ('tier', facts.tier)
        ) as slices (slice_type, slice_value)
    where slices.slice_value is not null and facts.handled_by is not null
    group by
        facts.period_type, facts.period_start, slices.slice_type, slices.slice_value, facts.handled_by, kinds.source_type

),

final as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        handled_by,
        source_type,
        interaction_count,
        answered_count,
        n,
        positive_count,
        answered_count::double precision / interaction_count as response_rate,
        positive_count::double precision / nullif(n, 0) as positive_rate,
        {{ wilson_bound('positive_count', 'n', '-') }} as ci_low,
        {{ wilson_bound('positive_count', 'n', '+') }} as ci_high,
        mean_score,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted
    where answered_count > 0

)

select * from final
