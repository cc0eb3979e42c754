{{
    config(
        unique_key=['month_start', 'slice_type', 'slice_value'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
{%- set names = ['gross_margin', 'retention_effect'] %}
-- one row per month and segment: accounts and their revenue, the churn of a year, lifetime value, and the revenue that is at risk
with

accounts as (

    select
        months.*,
        -- close to its renewal, and what it met was below acceptable
        (
            months.lifecycle_stage = 'renewal'
            and coalesce(months.mean_quality < {{ var('tier_acceptable') }}, false)
        ) as is_at_risk
    from {{ ref('fct_account_months') }} as months
    -- an account that paid nothing when the month began, or of which nobody knows, has nothing to lose that could be counted
    where months.arr_start > 0

),

-- the many accounts are read once; what all of them come to is the sum of their segments
segments as (

    select
        month_start,
        coalesce(segment, 'unknown') as segment,
        count(*) as account_count,
        count(*) filter (where has_churned) as churned_account_count,
        count(*) filter (where is_at_risk) as at_risk_account_count,
        sum(arr_start) as arr,
        coalesce(sum(arr_start) filter (where is_at_risk), 0) as arr_at_risk,
        -- as much of an account's revenue as AI agents took part in its interactions
        coalesce(
            sum(arr_start * ai_interaction_count / nullif(interaction_count, 0)) filter (where is_at_risk), 0
        ) as ai_arr_at_risk
    from accounts
    group by month_start, coalesce(segment, 'unknown')

),

summed as (

    select
        segments.month_start,
        slices.slice_type,
        slices.slice_value,
        sum(segments.account_count)::int as account_count,
        sum(segments.churned_account_count)::int as churned_account_count,
        sum(segments.at_risk_account_count)::int as at_risk_account_count,
        sum(segments.arr) as arr,
        sum(segments.arr_at_risk) as arr_at_risk,
        sum(segments.ai_arr_at_risk) as ai_arr_at_risk
    from segments
    cross join lateral (values ('all', 'all'), ('segment', segments.segment)) as slices (slice_type, slice_value)
    group by segments.month_start, slices.slice_type, slices.slice_value

),

years as (

    select
        *,
        (sum(account_count) over past_year)::int as account_month_count,
        (sum(churned_account_count) over past_year)::int as year_churned_account_count
    from summed
    window
        past_year as (
            partition by slice_type, slice_value
            order by month_start range between interval '{{ var("churn_months") - 1 }} months' preceding and current row
        )

),

months as (

    select distinct month_start
    from summed

),

held as (

    {{ held_assumptions('months', names) }}

),

rated as (

    select
        years.*,
        held.assumptions,
        held.retention_effect,
        coalesce(margins.value, held.gross_margin) as gross_margin,
        {{ cents('years.arr / years.account_count') }} as mean_arr,
        {{ per_item('12.0 * years.year_churned_account_count / years.account_month_count') }} as annual_churn_rate
    from years
    inner join held on years.month_start = held.month_start
    left join {{ ref('fct_assumptions') }} as margins
        on
            margins.assumption = 'gross_margin'
            and years.slice_type = 'segment'
            and margins.applies_to = 'segment:' || years.slice_value
            and {{ holds_in('margins', 'years.month_start') }}

),

final as (

    select
        month_start,
        slice_type,
        slice_value,
        '{{ var("currency") }}' as currency,
        assumptions,
        account_count,
        churned_account_count,
        at_risk_account_count,
        account_month_count,
        year_churned_account_count,
        {{ cents('arr') }} as arr,
        mean_arr,
        {{ cents('arr_at_risk') }} as arr_at_risk,
        {{ cents('ai_arr_at_risk') }} as ai_arr_at_risk,
        gross_margin,
        retention_effect,
        annual_churn_rate,
        -- without a churn in a year nobody can say how long a customer stays
        {{ cents('mean_arr * gross_margin / nullif(annual_churn_rate, 0)') }} as lifetime_value,
        -- a twelfth of what a year would lose
        {{ cents(cents('ai_arr_at_risk') ~ ' * retention_effect * gross_margin / 12') }} as expected_retention_loss,
        (account_count < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ is_complete_month('month_start') }} as is_complete,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from rated

)

select * from final
