{{
    config(
        unique_key=['period_type', 'period_start', 'slice_type', 'slice_value', 'bin_number'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month, slice and tenth of stated confidence: stated against realised success, with the calibration of the whole slice
with

answers as (

    select
        periods.period_type,
        periods.period_start,
        slices.slice_type,
        slices.slice_value,
        least(floor(answers.stated_confidence::numeric * 10), 9)::int as bin_number,
        answers.stated_confidence::numeric as stated_confidence,
        answers.is_useful::int as success
    from {{ ref('affected_periods') }} as periods
    inner join {{ ref('fct_ai_answers') }} as answers
        on answers.interaction_date between periods.period_start and periods.period_end
    cross join
        lateral (
            values ('all', 'all'), ('topic', answers.topic), ('agent_version', answers.agent_version)
        ) as slices (slice_type, slice_value)
    where
        periods.period_type = 'month'
        and slices.slice_value is not null
        and answers.stated_confidence is not null
        and answers.is_useful is not null

),

binned as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        bin_number,
        count(*)::int as n,
        sum(success)::int as useful_count,
        avg(stated_confidence) as mean_confidence,
        avg(success::numeric) as useful_rate,
        sum((stated_confidence - success) * (stated_confidence - success)) as squared_error_sum
    from answers
    group by period_type, period_start, slice_type, slice_value, bin_number

),

final as (

    select
        period_type,
        period_start,
        slice_type,
        slice_value,
        bin_number,
        n,
        useful_count,
        (sum(n) over same_slice)::int as slice_n,
        mean_confidence::double precision as mean_confidence,
        useful_rate::double precision as useful_rate,
        {{ wilson_bound('useful_count', 'n', '-') }} as ci_low,
        {{ wilson_bound('useful_count', 'n', '+') }} as ci_high,
        -- expected calibration error: the mean gap of the bins, weighted by their size
        (sum(n * abs(mean_confidence - useful_rate)) over same_slice / sum(n) over same_slice)::double precision
            as calibration_error,
        (sum(squared_error_sum) over same_slice / sum(n) over same_slice)::double precision as squared_error_mean,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from binned
    window same_slice as (partition by period_type, period_start, slice_type, slice_value)

)

select * from final
