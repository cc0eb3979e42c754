{{
    config(
        unique_key=['period_start', 'subject', 'indicator_id'],
        scope='affected_review_periods',
        scope_columns=['period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month, judged side and behaviour: how often the agents with the lowest totals of the month fail it, beside the rest
with

periods as (

    select
        period_start,
        (period_start + interval '1 month')::date as next_start
    from {{ ref('affected_review_periods') }}

),

totals as (

    select
        periods.period_start,
        score_days.subject,
        score_days.slice_value as agent_key,
        sum(score_days.score_sum) / sum(score_days.n) as mean_score
    from {{ ref('score_days') }} as score_days
    inner join periods
        on
            score_days.interaction_date >= periods.period_start
            and score_days.interaction_date < periods.next_start
    where score_days.slice_type = 'agent' and score_days.measure_type = 'total'
    group by periods.period_start, score_days.subject, score_days.slice_value
    having sum(score_days.n) >= {{ var('bottom_cohort_min_n') }}

),

ranked as (

    select
        *,
        row_number() over (partition by period_start, subject order by mean_score, agent_key) as place,
        count(*) over (partition by period_start, subject) as agent_count
    from totals

),

cohorts as (

    select
        period_start,
        subject,
        agent_key,
        agent_count::int as agent_count,
        (place <= least({{ var('bottom_cohort_agents') }}, ceil(agent_count / 4.0))) as is_bottom
    from ranked

),

behaviors as (

    select
        periods.period_start,
        daily.agent_key,
        daily.subject,
        daily.indicator_id,
        max(daily.dimension_id) as dimension_id,
        sum(daily.n) as n,
        sum(daily.fails_count) as fails_count
    from periods
    inner join {{ ref('rpt_agent_behaviors_daily') }} as daily
        on
            periods.period_start <= daily.interaction_date
            and periods.next_start > daily.interaction_date
    group by periods.period_start, daily.agent_key, daily.subject, daily.indicator_id

),

counted as (

    select
        cohorts.period_start,
        cohorts.subject,
        behaviors.indicator_id,
        max(behaviors.dimension_id) as dimension_id,
        max(cohorts.agent_count) as agent_count,
        count(*) filter (where cohorts.is_bottom)::int as cohort_agent_count,
        coalesce(sum(behaviors.n) filter (where cohorts.is_bottom), 0)::int as cohort_n,
        coalesce(sum(behaviors.fails_count) filter (where cohorts.is_bottom), 0)::int as cohort_fails_count,
        coalesce(sum(behaviors.n) filter (where not cohorts.is_bottom), 0)::int as rest_n,
        coalesce(sum(behaviors.fails_count) filter (where not cohorts.is_bottom), 0)::int as rest_fails_count
    from cohorts
    inner join behaviors
        on
            cohorts.period_start = behaviors.period_start
            and cohorts.agent_key = behaviors.agent_key
            and cohorts.subject = behaviors.subject
    group by cohorts.period_start, cohorts.subject, behaviors.indicator_id

),

final as (

    select
        period_start,
        subject,
        indicator_id,
        dimension_id,
        agent_count,
        cohort_agent_count,
        cohort_n,
        cohort_fails_count,
        rest_n,
        rest_fails_count,
        cohort_fails_count::double precision / nullif(cohort_n, 0) as cohort_fails_rate,
        {{ wilson_bound('cohort_fails_count', 'cohort_n', '-') }} as ci_low,
        {{ wilson_bound('cohort_fails_count', 'cohort_n', '+') }} as ci_high,
        rest_fails_count::double precision / nullif(rest_n, 0) as rest_fails_rate,
        (cohort_n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted

)

select * from final
