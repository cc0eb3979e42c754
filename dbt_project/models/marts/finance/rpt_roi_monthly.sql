{{
    config(
        unique_key=['month_start', 'slice_type', 'slice_value'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
{%- set names = [
    'human_hourly_rate', 'ai_cost_per_episode', 'ai_cost_per_answer', 'usd_exchange_rate', 'recontact_cost', 'residual_mix_factor',
    'escalation_load_minutes',
] %}
-- one row per month in which issues began, and segment: what AI agents saved, less what they cost, brought back, left over and put at risk
with

work as (

    select * from {{ ref('work_months') }}

),

months as (

    select distinct work_month as month_start
    from work

),

held as (

    {{ held_assumptions('months', names) }}

),

priced as (

    {{ priced_work('work', 'held') }}

),

first_ai as (

    select min(work_month) filter (where ai_episode_count > 0) as month_start
    from work

),

-- what people needed before there was an AI agent, by channel and topic
before_cells as (

    select
        work.channel,
        work.topic,
        sum(work.issue_count)::numeric as issue_count,
        sum(work.human_handle_seconds) as human_handle_seconds
    from work
    inner join first_ai on work.work_month < first_ai.month_start
    where work.resolution_path = 'human'
    group by work.channel, work.topic

),

before_all as (

    select
        coalesce(sum(issue_count), 0) as issue_count,
        sum(human_handle_seconds) / nullif(sum(issue_count), 0) as seconds_per_issue
    from before_cells

),

cells as (

    select
        priced.work_month as month_start,
        slices.slice_type,
        slices.slice_value,
        priced.channel,
        priced.topic,
        sum(priced.issue_count) as issue_count,
        sum(priced.resolved_issue_count) as resolved_issue_count,
        sum(priced.fcr_n) as fcr_n,
        sum(priced.fcr_count) as fcr_count,
        sum(priced.ai_episode_count) as ai_episode_count,
        sum(priced.ai_answer_count) as ai_answer_count,
        sum(priced.ai_stated_answer_count) as ai_stated_answer_count,
        sum(priced.ai_stated_cost_usd) as ai_stated_cost_usd,
        sum(priced.human_handle_seconds) as human_handle_seconds,
        sum(priced.labour) as labour,
        coalesce(sum(priced.issue_count - priced.pending_issue_count) filter (where priced.resolution_path = 'ai'), 0) as contained_n,
        coalesce(sum(priced.resolved_issue_count) filter (where priced.resolution_path = 'ai'), 0) as ai_resolved_n,
        coalesce(sum(priced.recontact_count) filter (where priced.resolution_path = 'ai'), 0) as contained_recontact_n,
        {%- for path in ['human', 'escalated'] %}
            coalesce(sum(priced.issue_count) filter (where priced.resolution_path = '{{ path }}'), 0) as {{ path }}_n,
            coalesce(sum(priced.human_handle_seconds) filter (where priced.resolution_path = '{{ path }}'), 0) as {{ path }}_seconds,
            -- zero where there was none, null where nobody states a rate
            sum(case when priced.resolution_path = '{{ path }}' then priced.labour else 0 * priced.labour end) as {{ path }}_labour,
            sum(case when priced.resolution_path = '{{ path }}' then priced.recontact_labour else 0 * priced.labour end)
                as {{ path }}_recontact_labour,
        {%- endfor %}
        coalesce(sum(priced.recontact_count) filter (where priced.resolution_path = 'escalated'), 0) as escalated_recontact_n
    from priced
    cross join lateral (values ('all', 'all'), ('segment', priced.segment)) as slices (slice_type, slice_value)
    group by priced.work_month, slices.slice_type, slices.slice_value, priced.channel, priced.topic

),

-- like for like: the mix of this month's issues that people or AI agents brought to an end, at the times of before
compared as (

    select
        cells.*,
        cells.human_n + cells.escalated_n + cells.ai_resolved_n as credited_n,
        case
            when before_cells.issue_count >= {{ var('like_cases') }} then before_cells.human_handle_seconds / before_cells.issue_count
            else before_all.seconds_per_issue
        end as before_seconds
    from cells
    cross join before_all
    left join before_cells
        on
            cells.channel = before_cells.channel
            and cells.topic = before_cells.topic

),

summed as (

    select
        month_start,
        slice_type,
        slice_value,
        sum(issue_count)::int as issue_count,
        sum(resolved_issue_count)::int as resolved_issue_count,
        sum(fcr_n)::int as fcr_n,
        sum(fcr_count)::int as fcr_count,
        sum(ai_episode_count)::int as ai_episode_count,
        sum(ai_answer_count)::int as ai_answer_count,
        sum(ai_stated_answer_count)::int as ai_stated_answer_count,
        sum(ai_stated_cost_usd) as ai_stated_cost_usd,
        sum(contained_n)::int as contained_issue_count,
        sum(ai_resolved_n)::int as ai_resolved_issue_count,
        sum(contained_recontact_n)::int as contained_recontact_count,
        sum(escalated_recontact_n)::int as escalated_recontact_count,
        sum(human_n)::int as human_issue_count,
        sum(escalated_n)::int as escalated_issue_count,
        sum(human_seconds) as human_seconds,
        sum(human_handle_seconds) as handle_seconds,
        sum(labour) as labour,
        sum(human_labour) as human_labour,
        sum(escalated_labour) as escalated_labour,
        sum(human_recontact_labour) as human_recontact_labour,
        sum(escalated_recontact_labour) as escalated_recontact_labour,
        sum(credited_n * before_seconds) / nullif(sum(credited_n), 0) as before_seconds
    from compared
    group by month_start, slice_type, slice_value

),

based as (

    select
        summed.*,
        held.assumptions,
        held.recontact_cost as cost_per_recontact,
        held.escalation_load_minutes,
        {{ ai_cost('summed', 'held') }} as ai_cost,
        {{ per_item('coalesce(summed.labour / nullif(summed.handle_seconds, 0), held.human_hourly_rate)') }} as hourly_rate,
        {{ per_item('summed.human_seconds / 60 / nullif(summed.human_issue_count, 0)') }} as human_minutes_per_issue,
        case
            when before_all.issue_count >= {{ var('min_cell_n') }} then 'measured'
            when summed.human_issue_count > 0 and held.residual_mix_factor is not null then 'assumed'
            else 'insufficient'
        end as before_basis,
        {{ per_item(
            'case when before_all.issue_count >= ' ~ var('min_cell_n') ~ ' then summed.before_seconds / 60'
            ~ ' else summed.human_seconds / 60 / nullif(summed.human_issue_count, 0) / held.residual_mix_factor end'
        ) }} as before_minutes_per_issue
    from summed
    cross join before_all
    inner join held on summed.month_start = held.month_start

),

priced_based as (

    select
        *,
        {{ per_item('before_minutes_per_issue * hourly_rate / 60') }} as before_cost_per_issue,
        {{ cents('human_labour / 3600') }} as human_labour_cost,
        {{ cents('escalated_labour / 3600') }} as escalated_labour_cost,
        {{ cents('human_recontact_labour / 3600') }} as human_recontact_labour_cost,
        {{ cents('escalated_recontact_labour / 3600') }} as escalated_recontact_labour_cost
    from based

),

lined as (

    select
        *,
        {{ cents('ai_resolved_issue_count * before_cost_per_issue') }} as avoided_labour_cost,
        {{ cents('(contained_recontact_count + escalated_recontact_count) * cost_per_recontact') }} as recontact_cost,
        {{ cents('human_labour_cost - human_issue_count * before_cost_per_issue') }} as residual_mix_cost,
        {{ cents(
            'escalated_labour_cost - escalated_issue_count * before_cost_per_issue'
            ~ ' + escalated_issue_count * escalation_load_minutes * hourly_rate / 60'
        ) }} as escalation_load_cost
    from priced_based

),

netted as (

    select
        lined.*,
        retention.mean_arr,
        retention.arr,
        retention.arr_at_risk,
        retention.ai_arr_at_risk,
        retention.gross_margin,
        retention.retention_effect,
        retention.annual_churn_rate,
        retention.lifetime_value,
        retention.expected_retention_loss,
        retention.assumptions as retention_assumptions,
        (retention.month_start is not null) as has_retention,
        lined.avoided_labour_cost - lined.recontact_cost - lined.residual_mix_cost - lined.escalation_load_cost - lined.ai_cost
            as net_savings
    from lined
    left join {{ ref('rpt_retention_at_risk_monthly') }} as retention
        on
            lined.month_start = retention.month_start
            and lined.slice_type = retention.slice_type
            and lined.slice_value = retention.slice_value

),

final as (

    select
        month_start,
        slice_type,
        slice_value,
        '{{ var("currency") }}' as currency,
        before_basis,
        coalesce(retention_assumptions, '{}'::jsonb) || assumptions as assumptions,
        issue_count,
        resolved_issue_count,
        human_issue_count,
        escalated_issue_count,
        contained_issue_count,
        ai_resolved_issue_count,
        contained_recontact_count,
        escalated_recontact_count,
        fcr_n,
        fcr_count,
        ai_episode_count,
        ai_answer_count,
        ai_stated_answer_count,
        ai_stated_cost_usd::numeric(20, 6) as ai_stated_cost_usd,
        hourly_rate,
        human_minutes_per_issue,
        before_minutes_per_issue,
        before_cost_per_issue,
        cost_per_recontact,
        escalation_load_minutes,
        human_labour_cost,
        escalated_labour_cost,
        human_recontact_labour_cost,
        escalated_recontact_labour_cost,
        avoided_labour_cost,
        recontact_cost,
        residual_mix_cost,
        escalation_load_cost,
        ai_cost,
        net_savings::numeric(20, 2) as net_savings,
        mean_arr,
        arr,
        arr_at_risk,
        ai_arr_at_risk,
        gross_margin,
        retention_effect,
        annual_churn_rate,
        lifetime_value,
        expected_retention_loss,
        -- an interaction without a known account puts no revenue at risk that could be counted
        (net_savings - coalesce(expected_retention_loss, 0))::numeric(20, 2) as net_benefit,
        {{ per_item('(net_savings - coalesce(expected_retention_loss, 0)) / nullif(ai_cost, 0)') }} as return_on_ai_cost,
        {{ cents(
            '(human_labour_cost + escalated_labour_cost + ai_cost) / nullif(resolved_issue_count, 0)'
        ) }} as cost_per_issue,
        has_retention,
        (least(human_issue_count, contained_issue_count) < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ is_complete_month('month_start') }} as is_complete,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from netted

)

select * from final
