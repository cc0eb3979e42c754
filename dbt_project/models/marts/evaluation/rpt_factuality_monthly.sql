{{
    config(
        unique_key=['period_start', 'slice_type', 'slice_value'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month of the answers and slice: the share of claims that their sources support, each stratum weighing what it weighs in
-- the month, with its interval
with

-- of several checks of a claim the last one counts
checks as (

    select distinct on (message_key, claim_number)
        *,
        date_trunc('month', interaction_date)::date as period_start
    from {{ ref('fct_factuality_checks') }}
    where verdict <> 'not_checkable' and stratum is not null
    order by message_key asc, claim_number asc, checked_at desc, check_key asc

),

checked as (

    select
        checks.period_start,
        slices.slice_type,
        slices.slice_value,
        checks.stratum,
        count(*) as n,
        count(*) filter (where checks.verdict = 'supported') as supported_count,
        count(*) filter (where checks.verdict = 'contradicted') as contradicted_count
    from checks
    cross join
        lateral (
            values ('all', 'all'), ('topic', checks.topic), ('agent_version', coalesce(checks.agent_version, 'unknown'))
        ) as slices (slice_type, slice_value)
    group by checks.period_start, slices.slice_type, slices.slice_value, checks.stratum

),

months as (

    select distinct period_start from checks

),

counted as (

    select
        months.period_start,
        slices.slice_type,
        slices.slice_value,
        sum(daily.n - daily.resolved_count) as failure_count,
        sum(daily.near_failure_count) as near_failure_count,
        sum(daily.resolved_count - daily.near_failure_count) as random_count
    from months
    inner join {{ ref('rpt_ai_daily') }} as daily
        on
            daily.interaction_date >= months.period_start
            and daily.interaction_date < months.period_start + interval '1 month'
    cross join
        lateral (
            values (daily.slice_type, daily.slice_value), ('agent_version', case daily.slice_type when 'all' then daily.agent_version end)
        ) as slices (slice_type, slice_value)
    where daily.slice_type in ('all', 'topic') and slices.slice_value is not null
    group by months.period_start, slices.slice_type, slices.slice_value

),

populations as (

    select
        counted.period_start,
        counted.slice_type,
        counted.slice_value,
        strata.stratum,
        strata.population_count
    from counted
    cross join
        lateral (
            values
            ('failure', counted.failure_count),
            ('near_failure', counted.near_failure_count),
            ('random', counted.random_count)
        ) as strata (stratum, population_count)
    where strata.population_count > 0

),

joined as (

    select
        populations.*,
        coalesce(checked.n, 0) as n,
        coalesce(checked.supported_count, 0) as supported_count,
        coalesce(checked.contradicted_count, 0) as contradicted_count,
        case when checked.n > 0 then populations.population_count::double precision end as weight
    from populations
    left join checked
        on
            populations.period_start = checked.period_start
            and populations.slice_type = checked.slice_type
            and populations.slice_value = checked.slice_value
            and populations.stratum = checked.stratum

),

weighted as (

    select
        period_start,
        slice_type,
        slice_value,
        sum(n) as n,
        sum(supported_count) as supported_count,
        sum(contradicted_count) as contradicted_count,
        sum(population_count) as population_count,
        (sum(weight::numeric) / sum(population_count))::double precision as covered_share,
        -- numeric sums are exact, in whatever order
        (sum((weight * supported_count / nullif(n, 0))::numeric) / sum(weight::numeric))::double precision as supported_rate,
        -- one claim is added on each side, so that a stratum of which all are supported has a variance too
        (
            sqrt(sum((weight * weight * (supported_count + 1) * (n - supported_count + 1) / power(n + 2, 3))::numeric))
            / sum(weight::numeric)
        )::double precision as standard_error
    from joined
    group by period_start, slice_type, slice_value
    having sum(n) > 0

),

final as (

    select
        slice_type,
        slice_value,
        n::int as n,
        supported_count::int as supported_count,
        contradicted_count::int as contradicted_count,
        population_count::int as population_count,
        covered_share,
        supported_count::double precision / n as unweighted_supported_rate,
        supported_rate,
        greatest(0, supported_rate - {{ var('z_95') }} * standard_error) as ci_low,
        least(1, supported_rate + {{ var('z_95') }} * standard_error) as ci_high,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        period_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from weighted

)

select * from final
