{{
    config(
        unique_key=['period_type', 'period_start', 'slice_type', 'slice_value', 'threshold'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month, slice and threshold of stated confidence: what would be handed over below it, and how often the rest is wrong
with

answers as (

    select
        periods.period_type,
        periods.period_start,
        slices.slice_type,
        slices.slice_value,
        answers.stated_confidence,
        answers.is_useful
    from {{ ref('affected_periods') }} as periods
    inner join {{ ref('fct_ai_answers') }} as answers
        on answers.interaction_date between periods.period_start and periods.period_end
    cross join
        lateral (
            values ('all', 'all'), ('topic', answers.topic), ('agent_version', answers.agent_version)
        ) as slices (slice_type, slice_value)
    where periods.period_type = 'month' and slices.slice_value is not null and answers.stated_confidence is not null

),

counted as (

    select
        answers.period_type,
        answers.period_start,
        answers.slice_type,
        answers.slice_value,
        (steps.step / 20.0)::double precision as threshold,
        count(*)::int as n,
        count(*) filter (where answers.stated_confidence < steps.step / 20.0)::int as escalated_count,
        count(*) filter (where answers.stated_confidence >= steps.step / 20.0 and answers.is_useful is not null)::int as judged_n,
        count(*) filter (where answers.stated_confidence >= steps.step / 20.0 and not answers.is_useful)::int as error_count
    from answers
    cross join generate_series(0, 20) as steps (step)
    group by answers.period_type, answers.period_start, answers.slice_type, answers.slice_value, steps.step

),

final as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        threshold,
        n,
        escalated_count,
        judged_n,
        error_count,
        escalated_count::double precision / n as escalated_rate,
        error_count::double precision / nullif(judged_n, 0) as error_rate,
        {{ wilson_bound('error_count', 'judged_n', '-') }} as ci_low,
        {{ wilson_bound('error_count', 'judged_n', '+') }} as ci_high,
        (judged_n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted

)

select * from final
