{{
    config(
        unique_key=['month_start', 'slice_type', 'slice_value', 'handled_by'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
{%- set names = ['human_hourly_rate', 'ai_cost_per_episode', 'ai_cost_per_answer', 'usd_exchange_rate'] %}
-- one row per month in which issues began, slice and kind of handling: what people and AI agents cost, per issue that was resolved
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

summed as (

    select
        priced.work_month as month_start,
        slices.slice_type,
        slices.slice_value,
        handling.handled_by,
        sum(priced.issue_count)::int as issue_count,
        sum(priced.pending_issue_count)::int as pending_issue_count,
        sum(priced.resolved_issue_count)::int as resolved_issue_count,
        sum(priced.ai_episode_count)::int as ai_episode_count,
        sum(priced.ai_answer_count)::int as ai_answer_count,
        sum(priced.ai_stated_answer_count)::int as ai_stated_answer_count,
        sum(priced.ai_stated_cost_usd) as ai_stated_cost_usd,
        sum(priced.human_handle_seconds) as human_handle_seconds,
        sum(priced.labour) as labour
    from priced
    cross join
        lateral (
            values ('all', 'all'), ('segment', priced.segment), ('channel', priced.channel), ('topic', priced.topic), ('team', priced.team)
        ) as slices (slice_type, slice_value)
    cross join lateral (values ('all'), (priced.handled_by)) as handling (handled_by)
    group by priced.work_month, slices.slice_type, slices.slice_value, handling.handled_by

),

costs as (

    select
        summed.*,
        held.assumptions,
        {{ cents('summed.labour / 3600') }} as labour_cost,
        {{ ai_cost('summed', 'held') }} as ai_cost
    from summed
    inner join held on summed.month_start = held.month_start

),

final as (

    select
        month_start,
        slice_type,
        slice_value,
        handled_by,
        '{{ var("currency") }}' as currency,
        assumptions,
        issue_count,
        pending_issue_count,
        resolved_issue_count,
        ai_episode_count,
        ai_answer_count,
        ai_stated_answer_count,
        ai_stated_cost_usd::numeric(20, 6) as ai_stated_cost_usd,
        round(human_handle_seconds / 60, 2)::numeric(20, 2) as human_minutes,
        labour_cost,
        ai_cost,
        (labour_cost + ai_cost)::numeric(20, 2) as total_cost,
        {{ cents('(labour_cost + ai_cost) / nullif(resolved_issue_count, 0)') }} as cost_per_issue,
        (resolved_issue_count < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ is_complete_month('month_start') }} as is_complete,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from costs

)

select * from final
