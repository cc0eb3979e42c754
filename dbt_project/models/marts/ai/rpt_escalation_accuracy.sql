{{
    config(
        unique_key=['period_type', 'period_start', 'slice_type', 'slice_value'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per week or month and slice: of the escalations how many were needed, and of the needed ones how many happened
with

counted as (

    select
        periods.period_type,
        periods.period_start,
        slices.slice_type,
        slices.slice_value,
        count(*)::int as episode_count,
        count(*) filter (where episodes.is_escalated)::int as escalated_count,
        count(*) filter (where episodes.is_soft_escalation)::int as soft_escalation_count,
        count(*) filter (where episodes.escalation = 'needed')::int as needed_count,
        count(*) filter (where episodes.escalation = 'avoidable')::int as avoidable_count,
        count(*) filter (where episodes.escalation = 'unknown')::int as unknown_count,
        count(*) filter (where episodes.escalation = 'missed')::int as missed_count
    from {{ ref('affected_periods') }} as periods
    inner join {{ ref('fct_ai_episodes') }} as episodes
        on episodes.interaction_date between periods.period_start and periods.period_end
    cross join
        lateral (
            values
            ('all', 'all'),
            ('topic', episodes.topic),
            ('channel', episodes.channel),
            ('agent_version', episodes.agent_version)
        ) as slices (slice_type, slice_value)
    where periods.period_type in ('week', 'month') and slices.slice_value is not null and episodes.outcome <> 'pending'
    group by periods.period_type, periods.period_start, slices.slice_type, slices.slice_value

),

summed as (

    select
        *,
        (needed_count + avoidable_count)::int as precision_n,
        (needed_count + missed_count)::int as recall_n
    from counted

),

final as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        episode_count,
        escalated_count,
        soft_escalation_count,
        needed_count,
        avoidable_count,
        unknown_count,
        missed_count,
        precision_n,
        recall_n,
        escalated_count::double precision / episode_count as escalation_rate,
        soft_escalation_count::double precision / episode_count as soft_escalation_rate,
        needed_count::double precision / nullif(precision_n, 0) as escalation_precision,
        {{ wilson_bound('needed_count', 'precision_n', '-') }} as precision_ci_low,
        {{ wilson_bound('needed_count', 'precision_n', '+') }} as precision_ci_high,
        needed_count::double precision / nullif(recall_n, 0) as escalation_recall,
        {{ wilson_bound('needed_count', 'recall_n', '-') }} as recall_ci_low,
        {{ wilson_bound('needed_count', 'recall_n', '+') }} as recall_ci_high,
        (least(precision_n, recall_n) < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from summed

)

select * from final
