{{
    config(
        unique_key=['segment', 'week_start'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per segment of accounts and complete week: its quality against the limits that its own earlier weeks give it, and whether it has
-- stayed below them long enough for customer success to act, with the revenue at stake and what follows such a fall
{%- set rule = var('segment_decline') %}
with

weeks as (

    select
        segment,
        week_start,
        n,
        account_count,
        (week_start - date '2000-01-03') / 7 as week_number,
        quality_sum,
        quality_square_sum,
        quality_sum / n as mean_quality
    from {{ ref('segment_weeks') }}
    where week_start + 7 <= {{ utc_date(as_of()) }}

),

-- a fall does not enter what it is held against for as many weeks as lie between
moments as (

    select
        *,
        count(*) over baseline as baseline_weeks,
        sum(n) over baseline as baseline_n,
        sum(quality_sum) over baseline as baseline_sum,
        sum(quality_square_sum) over baseline as baseline_square_sum,
        sum(quality_sum * quality_sum / n) over baseline as baseline_week_square_sum
    from weeks
    window
        baseline as (
            partition by segment
            order by week_number
            range between {{ rule['baseline_weeks'] + rule['gap_weeks'] }} preceding and {{ rule['gap_weeks'] + 1 }} preceding
        )

),

baselines as (

    select
        *,
        baseline_sum / baseline_n as expected_value,
        greatest(0, baseline_square_sum / baseline_n - power(baseline_sum / baseline_n, 2)) as variance,
        (baseline_week_square_sum - baseline_sum * baseline_sum / baseline_n) / nullif(baseline_weeks - 1, 0) as week_variance
    from moments

),

-- scores of one week are not independent: where weeks differ by more than their sizes explain, the limits are wider by as much (Laney 2002)
limited as (

    select
        *,
        greatest(variance, week_variance)::double precision as spread,
        coalesce(
            n >= {{ var('drift_min_items') }}
            and baseline_n >= {{ var('min_cell_n') }}
            and baseline_weeks >= {{ rule['least_baseline_weeks'] }}
            and greatest(variance, week_variance) > 1e-6,
            false
        ) as is_judged
    from baselines

),

judged as (

    select
        *,
        case
            when is_judged
                then
                    greatest(
                        0,
                        expected_value::double precision - {{ rule['sigmas'] }} * sqrt(
                            spread * (1 / n::double precision + 1 / baseline_n::double precision)
                        )
                    )
        end as limit_low
    from limited

),

numbered as (

    select
        *,
        coalesce(mean_quality < limit_low, false) as is_low,
        -- the same for weeks that follow each other without one between them
        week_number - row_number() over (
            partition by segment, coalesce(mean_quality < limit_low, false)
            order by week_number
        ) as run_number
    from judged

),

runs as (

    select
        *,
        case when is_low then count(*) over run end as low_weeks,
        case when is_low then min(week_start) over run else week_start end as run_start,
        case when is_low then sum(n) over run else n end as run_n,
        case when is_low then sum(quality_sum) over run else quality_sum end as run_sum
    from numbered
    window
        run as (
            partition by segment, is_low, run_number
            order by week_number
        )

),

held as (

    select
        runs.*,
        (runs.run_sum / runs.run_n)::double precision as run_value,
        sqrt(runs.spread / runs.run_n) as run_error,
        coalesce(runs.low_weeks >= {{ rule['weeks'] }} and runs.run_n >= {{ var('min_cell_n') }}, false) as is_sustained
    from runs

),

-- what is established of the segment itself, else of all accounts; of the product's use less is worse, of the others more
leads as (

    select distinct on (segments.segment)
        segments.segment,
        leads.outcome_id,
        leads.lead_weeks,
        leads.lead_weeks_ci_low,
        leads.lead_weeks_ci_high
    from (select distinct weeks.segment from weeks) as segments
    inner join {{ ref('rpt_leading_indicators') }} as leads
        on
            leads.segment_type = 'all'
            or segments.segment = leads.segment_value
    where
        leads.evidence_type = 'association'
        and leads.q_value < {{ rule['lead_q'] }}
        and leads.gain > 0
        and leads.is_lower_quality_first = (leads.outcome_id <> 'engagement')
    order by segments.segment asc, leads.segment_type desc, leads.q_value asc, leads.outcome_id asc

),

final as (

    select
        held.segment,
        case
            when not held.is_judged then 'insufficient'
            when held.is_sustained then 'decline'
            when held.is_low then 'low'
            else 'within'
        end as verdict,
        leads.outcome_id as lead_outcome_id,
        case
            when held.is_sustained
                then
                    'Talk to the accounts of segment ' || held.segment || ' that wrote since ' || held.run_start
                    || coalesce(' (ARR ' || round(stake.arr) || ' at stake)', '') || ': '
                    || coalesce(
                        replace(leads.outcome_id, '_', ' ')
                        || case leads.outcome_id when 'engagement' then ' falls ' else ' rises ' end
                        || leads.lead_weeks || ' weeks after quality (' || leads.lead_weeks_ci_low || ' to '
                        || leads.lead_weeks_ci_high || ')',
                        'by how many weeks quality moves first is not established'
                    )
        end as recommended_action,
        held.n,
        held.account_count,
        held.baseline_n::int as baseline_n,
        held.run_n::int as run_n,
        coalesce(held.low_weeks, 0)::int as low_weeks,
        held.mean_quality::double precision as mean_quality,
        held.expected_value::double precision as expected_value,
        held.limit_low,
        case when held.is_judged then held.run_value end as run_value,
        case when held.is_judged then greatest(0, held.run_value - {{ var('z_95') }} * held.run_error) end as ci_low,
        case when held.is_judged then least(100, held.run_value + {{ var('z_95') }} * held.run_error) end as ci_high,
        stake.account_count as stake_account_count,
        stake.arr as arr_at_stake,
        leads.lead_weeks,
        leads.lead_weeks_ci_low,
        leads.lead_weeks_ci_high,
        (not held.is_judged) as is_below_min_n,
        held.run_start,
        held.week_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from held
    left join leads on held.segment = leads.segment
    -- of few segments and weeks only: no other row reads an interaction
    left join lateral (
        select
            count(*)::int as account_count,
            sum(newest.arr) as arr
        from (
            select distinct on (contexts.account_key) contexts.arr
            from {{ ref('fct_interaction_business_context') }} as contexts
            inner join {{ ref('organizations') }} as organizations on contexts.account_key = organizations.account_key
            where
                held.is_sustained
                and contexts.interaction_date between held.run_start and held.week_start + 6
                and coalesce(organizations.segment, 'unknown') = held.segment
            order by contexts.account_key asc, contexts.interaction_date desc, contexts.interaction_key desc
        ) as newest
        having held.is_sustained
    ) as stake on true

)

select * from final
