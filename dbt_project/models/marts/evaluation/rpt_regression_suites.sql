{{
    config(
        unique_key=['suite', 'agent_version', 'metric', 'case_type'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per test suite, version, metric and kind of case (or all): how many cases passed, and which of them the version before had
-- passed and this one does not
with

-- of several runs of a case the last one counts
results as (

    select distinct on (suite, agent_version, metric, case_id) *
    from {{ ref('stg_feedback__regression_results') }}
    order by suite asc, agent_version asc, metric asc, case_id asc, ran_at desc, record_id desc

),

versions as (

    select
        suite,
        metric,
        agent_version,
        lag(agent_version) over (partition by suite, metric order by min(ran_at), agent_version) as previous_version
    from results
    group by suite, metric, agent_version

),

paired as (

    select
        results.suite,
        results.metric,
        results.agent_version,
        results.case_type,
        results.case_id,
        results.value,
        results.passed,
        results.ran_at,
        versions.previous_version,
        previous.passed as is_previously_passed
    from results
    inner join versions
        on
            results.suite = versions.suite
            and results.metric = versions.metric
            and results.agent_version = versions.agent_version
    left join results as previous
        on
            results.suite = previous.suite
            and results.metric = previous.metric
            and versions.previous_version = previous.agent_version
            and results.case_id = previous.case_id

),

counted as (

    select
        paired.suite,
        paired.agent_version,
        paired.metric,
        kinds.case_type,
        max(paired.previous_version) as previous_version,
        count(*)::int as n,
        count(*) filter (where paired.passed)::int as passed_count,
        count(paired.is_previously_passed)::int as compared_count,
        count(*) filter (where paired.is_previously_passed and not paired.passed)::int as regressed_count,
        count(*) filter (where not paired.is_previously_passed and paired.passed)::int as repaired_count,
        avg(paired.value::numeric)::double precision as value_mean,
        max(paired.ran_at) as ran_at
    from paired
    cross join lateral (values ('all'), (paired.case_type)) as kinds (case_type)
    group by paired.suite, paired.agent_version, paired.metric, kinds.case_type

),

final as (

    select
        counted.suite,
        counted.agent_version,
        counted.metric,
        counted.case_type,
        counted.previous_version,
        case
            when counted.regressed_count > 0 then
                'Repair the ' || counted.regressed_count || ' cases of ' || counted.suite || ' that ' || counted.previous_version
                || ' passed, before version ' || counted.agent_version || ' gets more traffic'
            when counted.passed_count < counted.n then 'Work on the cases that fail since before'
            else 'None: keep the suite'
        end as recommended_action,
        {{ routed_team() }} as owner,
        counted.n,
        counted.passed_count,
        counted.compared_count,
        counted.regressed_count,
        counted.repaired_count,
        counted.passed_count::double precision / counted.n as pass_rate,
        {{ wilson_bound('counted.passed_count', 'counted.n', '-') }} as ci_low,
        {{ wilson_bound('counted.passed_count', 'counted.n', '+') }} as ci_high,
        counted.value_mean,
        (counted.regressed_count > 0) as is_regressed,
        -- what the version was not made for has become worse
        (counted.case_type = 'non_target' and counted.regressed_count > 0) as is_regressed_elsewhere,
        (counted.n < {{ var('min_cell_n') }}) as is_below_min_n,
        counted.ran_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted
    {{ route_joins("'regression'", "null::text") }}

)

select * from final
