{{
    config(
        unique_key=['period_type', 'period_start', 'slice_type', 'slice_value'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per week and slice of handoffs from AI agents to people: how they went, with intervals
with

sliced as (

    select
        periods.period_type,
        periods.period_start,
        slices.slice_type,
        slices.slice_value,
        handoffs.*
    from {{ ref('affected_periods') }} as periods
    inner join {{ ref('fct_handoffs') }} as handoffs
        on handoffs.interaction_date between periods.period_start and periods.period_end
    cross join
        lateral (
            values
            ('all', 'all'),
            ('route', handoffs.to_team),
            ('reason', handoffs.reason),
            ('trigger', handoffs.trigger_type),
            ('topic', handoffs.topic),
            ('channel', handoffs.channel),
            ('agent_version', handoffs.agent_version)
        ) as slices (slice_type, slice_value)
    where periods.period_type = 'week' and slices.slice_value is not null

),

counted as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        count(*)::int as n,
        count(*) filter (where necessity = 'needed')::int as needed_count,
        count(*) filter (where necessity = 'avoidable')::int as avoidable_count,
        count(*) filter (where necessity = 'unknown')::int as unknown_count,
        count(*) filter (where timing = 'early')::int as early_count,
        count(*) filter (where timing = 'on_time')::int as on_time_count,
        count(*) filter (where timing = 'late')::int as late_count,
        count(*) filter (where timing is not null)::int as timed_n,
        count(*) filter (where is_loop)::int as loop_count,
        count(*) filter (where is_restarted)::int as restarted_count,
        count(is_restarted)::int as taken_over_n,
        count(*) filter (where is_misrouted)::int as misrouted_count,
        count(*) filter (where trigger_type = 'customer_demand')::int as customer_demand_count,
        sum(reassignment_count)::int as reassignment_count,
        count(context_preservation)::int as context_n,
        avg(context_preservation::numeric)::double precision as context_preservation_mean,
        stddev_samp(context_preservation::numeric)::double precision as context_preservation_stddev,
        percentile_cont(0.5) within group (order by ai_turns_before) as ai_turns_before_median,
        percentile_cont(0.5) within group (order by minutes_before) as before_median_minutes,
        percentile_cont(0.5) within group (order by post_handoff_minutes) as post_handoff_median_minutes
    from sliced
    group by period_type, period_start, slice_type, slice_value

),

final as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        n,
        needed_count,
        avoidable_count,
        unknown_count,
        early_count,
        on_time_count,
        late_count,
        timed_n,
        loop_count,
        restarted_count,
        taken_over_n,
        misrouted_count,
        customer_demand_count,
        reassignment_count,
        context_n,
        loop_count::double precision / n as loop_rate,
        {{ wilson_bound('loop_count', 'n', '-') }} as loop_ci_low,
        {{ wilson_bound('loop_count', 'n', '+') }} as loop_ci_high,
        late_count::double precision / nullif(timed_n, 0) as late_rate,
        {{ wilson_bound('late_count', 'timed_n', '-') }} as late_ci_low,
        {{ wilson_bound('late_count', 'timed_n', '+') }} as late_ci_high,
        misrouted_count::double precision / n as misroute_rate,
        {{ wilson_bound('misrouted_count', 'n', '-') }} as misroute_ci_low,
        {{ wilson_bound('misrouted_count', 'n', '+') }} as misroute_ci_high,
        restarted_count::double precision / nullif(taken_over_n, 0) as restart_rate,
        {{ wilson_bound('restarted_count', 'taken_over_n', '-') }} as restart_ci_low,
        {{ wilson_bound('restarted_count', 'taken_over_n', '+') }} as restart_ci_high,
        context_preservation_mean,
        greatest(0, context_preservation_mean - {{ mean_half_width('context_preservation_stddev', 'context_n') }}) as context_ci_low,
        least(1, context_preservation_mean + {{ mean_half_width('context_preservation_stddev', 'context_n') }}) as context_ci_high,
        ai_turns_before_median,
        before_median_minutes,
        post_handoff_median_minutes,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted

)

select * from final
