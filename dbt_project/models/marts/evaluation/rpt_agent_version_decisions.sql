{{
    config(
        unique_key=['agent_key', 'agent_version'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per version of an AI agent that followed another one: expand it, hold it, roll it back, or wait; where it is worst, and
-- whether its effect is the same everywhere
with

comparisons as (

    select * from {{ ref('rpt_agent_version_comparisons') }}

),

primaries as (

    select * from comparisons
    where role = 'primary' and slice_type = 'all'

),

counted as (

    select
        agent_key,
        agent_version,
        min(previous_version) as previous_version,
        min(comparison_type) as comparison_type,
        min(version_started_date) as version_started_date,
        max(look_days) as look_days,
        min(alarm_date) as alarm_date,
        count(*) filter (where is_alarm)::int as alarm_count,
        count(*) filter (where slice_type = 'all' and role = 'guardrail' and is_worse)::int as worse_guardrail_count,
        max(n) filter (where slice_type = 'all' and metric = 'resolution') as episode_count,
        max(previous_n) filter (where slice_type = 'all' and metric = 'resolution') as previous_episode_count
    from comparisons
    group by agent_key, agent_version

),

-- the cell that is most surely worse, on any share: alarms first, then by the better end of its interval
worst as (

    select distinct on (agent_key, agent_version)
        agent_key,
        agent_version,
        metric,
        slice_type,
        slice_value,
        n,
        difference
    from comparisons
    where slice_type <> 'all' and metric <> 'effort'
    order by
        agent_key asc, agent_version asc, is_alarm desc, case when direction = 1 then ci_high else -ci_low end asc, n desc,
        metric asc, slice_type asc, slice_value asc

),

-- Cochran's Q of the differences within one kind of slice; one item is added to each side of a share so that none has variance 0
weighted as (

    select
        agent_key,
        agent_version,
        slice_type,
        difference,
        1.0 / (
            (total + 1) * (n - total + 1) / power(n + 2, 3)
            + (previous_total + 1) * (previous_n - previous_total + 1) / power(previous_n + 2, 3)
        ) as weight
    from comparisons
    where role = 'primary' and slice_type in ('topic', 'channel', 'tier', 'language')

),

pooled as (

    select
        agent_key,
        agent_version,
        slice_type,
        (count(*) - 1)::int as degrees,
        -- numeric sums are exact: the same cells in another order give the same figure
        greatest(
            0,
            sum((weight * difference * difference)::numeric)
            - power(sum((weight * difference)::numeric), 2) / sum(weight::numeric)
        )::double precision as q
    from weighted
    group by agent_key, agent_version, slice_type
    having count(*) > 1

),

-- the cube root of a chi-square is close to normal (Wilson and Hilferty 1931)
standardised as (

    select
        *,
        (power(q / degrees, 1.0 / 3) - (1 - 2.0 / (9 * degrees))) / sqrt(2.0 / (9 * degrees)) as z
    from pooled

),

heterogeneity as (

    select distinct on (agent_key, agent_version) *
    from standardised
    order by agent_key asc, agent_version asc, z desc, slice_type asc

),

decided as (

    select
        counted.*,
        primaries.n,
        primaries.previous_n,
        primaries.value,
        primaries.previous_value,
        primaries.difference,
        primaries.ci_low,
        primaries.ci_high,
        worst.metric as worst_metric,
        worst.slice_type as worst_slice_type,
        worst.slice_value as worst_slice_value,
        worst.n as worst_n,
        worst.difference as worst_difference,
        heterogeneity.slice_type as heterogeneity_slice_type,
        heterogeneity.q as heterogeneity_q,
        heterogeneity.degrees as heterogeneity_degrees_count,
        heterogeneity.z as heterogeneity_z,
        case
            when counted.alarm_count > 0 then 'roll_back'
            when
                counted.look_days < {{ var('version_min_days') }}
                or coalesce(primaries.n, 0) < {{ var('min_cell_n') }}
                or coalesce(primaries.previous_n, 0) < {{ var('min_cell_n') }}
                then 'too_early'
            when primaries.ci_low > -{{ var('version_margin') }} and counted.worse_guardrail_count = 0 then 'expand'
            else 'hold'
        end as decision
    from counted
    left join primaries
        on
            counted.agent_key = primaries.agent_key
            and counted.agent_version = primaries.agent_version
    left join worst
        on
            counted.agent_key = worst.agent_key
            and counted.agent_version = worst.agent_version
    left join heterogeneity
        on
            counted.agent_key = heterogeneity.agent_key
            and counted.agent_version = heterogeneity.agent_version

),

final as (

    select
        decided.agent_key,
        decided.agent_version,
        decided.previous_version,
        decided.comparison_type,
        decided.decision,
        case decided.decision
            when 'roll_back' then
                'Take version ' || decided.agent_version || ' back to ' || decided.previous_version || ': ' || decided.worst_metric
                || ' is surely worse on ' || decided.worst_slice_type || ' ' || decided.worst_slice_value
            when 'too_early' then 'Keep the share of version ' || decided.agent_version || ' as it is and wait for more episodes'
            when 'expand' then 'Give version ' || decided.agent_version || ' more of the traffic'
            else
                'Keep the share of version ' || decided.agent_version || ' as it is and read its failures on '
                || decided.worst_slice_type || ' ' || decided.worst_slice_value
        end as recommended_action,
        {{ routed_team() }} as owner,
        decided.worst_metric,
        decided.worst_slice_type,
        decided.worst_slice_value,
        decided.heterogeneity_slice_type,
        decided.look_days,
        decided.episode_count,
        decided.previous_episode_count,
        decided.n,
        decided.previous_n,
        decided.alarm_count,
        decided.worse_guardrail_count,
        decided.worst_n,
        decided.heterogeneity_degrees_count,
        decided.value,
        decided.previous_value,
        decided.difference,
        decided.ci_low,
        decided.ci_high,
        decided.worst_difference,
        decided.heterogeneity_q,
        decided.heterogeneity_z,
        coalesce(decided.heterogeneity_z > {{ var('z_95') }}, false) as is_heterogeneous,
        decided.version_started_date,
        decided.alarm_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from decided
    {{ route_joins("'version_worse'", "case when decided.worst_slice_type = 'topic' then decided.worst_slice_value end") }}

)

select * from final
