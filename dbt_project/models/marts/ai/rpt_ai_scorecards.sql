{{
    config(
        unique_key=['period_type', 'period_start', 'slice_type', 'slice_value'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per week or month and slice of AI agents: all figures side by side, none alone, with the worst segment of the period
with

sliced as (

    select
        periods.period_type,
        periods.period_start,
        slices.slice_type,
        slices.slice_value,
        episodes.*
    from {{ ref('affected_periods') }} as periods
    inner join {{ ref('fct_ai_episodes') }} as episodes
        on episodes.interaction_date between periods.period_start and periods.period_end
    cross join
        lateral (
            values
            ('all', 'all'),
            ('agent_version', episodes.agent_version),
            ('channel', episodes.channel),
            ('topic', episodes.topic),
            ('product_area', episodes.product_area),
            ('tier', episodes.tier),
            ('customer_type', episodes.customer_type),
            ('escalation_reason', episodes.escalation_reason),
            ('language', episodes.language),
            ('risk', case when episodes.is_high_risk then 'high' else 'other' end)
        ) as slices (slice_type, slice_value)
    where periods.period_type in ('week', 'month') and slices.slice_value is not null

),

counted as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        count(*)::int as episode_count,
        count(*) filter (where outcome = 'pending')::int as pending_count,
        count(*) filter (where outcome <> 'pending')::int as n,
        count(*) filter (where is_resolved)::int as resolved_count,
        count(*) filter (where is_strictly_resolved)::int as strictly_resolved_count,
        count(*) filter (where is_contained)::int as contained_count,
        count(*) filter (where outcome = 'escalated')::int as escalated_count,
        count(*) filter (where outcome = 'returned')::int as returned_count,
        count(*) filter (where outcome = 'abandoned')::int as abandoned_count,
        count(*) filter (where is_soft_escalation and outcome <> 'pending')::int as soft_escalation_count,
        count(*) filter (where is_near_failure)::int as near_failure_count,
        count(*) filter (where is_confidently_wrong and outcome <> 'pending')::int as confidently_wrong_count,
        count(*) filter (where is_contained_but_hard)::int as contained_but_hard_count,
        sum(clarification_count)::int as clarification_count,
        sum(after_answer_count)::int as after_answer_count,
        sum(explicitly_useful_count)::int as explicitly_useful_count,
        sum(explicitly_judged_count)::int as explicitly_judged_n,
        sum(implicitly_useful_count)::int as implicitly_useful_count,
        sum(implicitly_judged_count)::int as implicitly_judged_n,
        count(*) filter (where policy_violation_count > 0)::int as violating_count,
        sum(policy_violation_count)::int as policy_violation_count,
        sum(tool_call_count)::int as tool_call_count,
        sum(failed_tool_call_count)::int as failed_tool_call_count,
        count(effort)::int as effort_n,
        avg(effort::numeric)::double precision as effort_mean,
        stddev_samp(effort::numeric)::double precision as effort_stddev,
        percentile_cont(0.5) within group (order by first_response_minutes) as first_response_median_minutes,
        percentile_cont(0.5) within group (order by resolution_minutes) filter (where is_resolved)
            as resolution_median_minutes,
        (avg(customer_message_count) filter (where is_resolved))::double precision as turns_per_resolution
    from sliced
    group by period_type, period_start, slice_type, slice_value

),

-- an average hides its worst part: it stands beside it; cells that are too small prove nothing
worst as (

    select distinct on (period_type, period_start)
        period_type,
        period_start,
        slice_type,
        slice_value,
        resolved_count::double precision / n as resolution_rate,
        n
    from counted
    -- what was escalated was not resolved: its reasons are no segments of customers
    where slice_type not in ('all', 'escalation_reason') and n >= {{ var('min_cell_n') }}
    order by
        period_type asc, period_start asc, resolved_count::double precision / n asc, n desc, slice_type asc, slice_value asc

),

final as (

    select
        counted.period_type,
        counted.period_start,
        counted.slice_type,
        counted.slice_value,
        worst.slice_type as worst_slice_type,
        worst.slice_value as worst_slice_value,
        counted.episode_count,
        counted.pending_count,
        counted.n,
        counted.resolved_count,
        counted.strictly_resolved_count,
        counted.contained_count,
        counted.escalated_count,
        counted.returned_count,
        counted.abandoned_count,
        counted.soft_escalation_count,
        counted.near_failure_count,
        counted.confidently_wrong_count,
        counted.contained_but_hard_count,
        counted.clarification_count,
        counted.after_answer_count,
        counted.explicitly_useful_count,
        counted.explicitly_judged_n,
        counted.implicitly_useful_count,
        counted.implicitly_judged_n,
        counted.violating_count,
        counted.policy_violation_count,
        counted.tool_call_count,
        counted.failed_tool_call_count,
        counted.effort_n,
        worst.n as worst_n,
        counted.resolved_count::double precision / nullif(counted.n, 0) as resolution_rate,
        {{ wilson_bound('counted.resolved_count', 'counted.n', '-') }} as resolution_ci_low,
        {{ wilson_bound('counted.resolved_count', 'counted.n', '+') }} as resolution_ci_high,
        counted.strictly_resolved_count::double precision / nullif(counted.n, 0) as strict_resolution_rate,
        counted.contained_count::double precision / nullif(counted.n, 0) as containment_rate,
        counted.resolved_count::double precision / nullif(counted.contained_count, 0) as containment_quality_rate,
        counted.strictly_resolved_count::double precision / nullif(counted.contained_count, 0) as strict_containment_quality_rate,
        counted.escalated_count::double precision / nullif(counted.n, 0) as escalation_rate,
        counted.soft_escalation_count::double precision / nullif(counted.n, 0) as soft_escalation_rate,
        counted.clarification_count::double precision / nullif(counted.after_answer_count, 0) as clarification_share,
        counted.explicitly_useful_count::double precision / nullif(counted.explicitly_judged_n, 0) as explicit_relevance_rate,
        counted.implicitly_useful_count::double precision / nullif(counted.implicitly_judged_n, 0) as implicit_relevance_rate,
        counted.violating_count::double precision / nullif(counted.episode_count, 0) as violation_rate,
        counted.effort_mean,
        counted.effort_mean - {{ mean_half_width('counted.effort_stddev', 'counted.effort_n') }} as effort_ci_low,
        counted.effort_mean + {{ mean_half_width('counted.effort_stddev', 'counted.effort_n') }} as effort_ci_high,
        counted.first_response_median_minutes,
        counted.resolution_median_minutes,
        counted.turns_per_resolution,
        worst.resolution_rate as worst_resolution_rate,
        (counted.n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted
    left join worst
        on
            counted.period_type = worst.period_type
            and counted.period_start = worst.period_start

)

select * from final
