{{
    config(
        unique_key=['interaction_date', 'tool_name'],
        scope='affected_dates',
        scope_columns=['interaction_date'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per day and tool of the AI agents: calls by how they ended, and how long they took
with

calls as (

    select
        interactions.interaction_date,
        coalesce(tool_calls.tool_name, 'unknown') as tool_name,
        tool_calls.status,
        tool_calls.duration_ms::double precision as duration_ms
    from {{ ref('affected_dates') }} as dates
    inner join {{ ref('interactions') }} as interactions on dates.interaction_date = interactions.interaction_date
    inner join {{ ref('tool_calls') }} as tool_calls on interactions.interaction_key = tool_calls.interaction_key

),

counted as (

    select
        interaction_date,
        tool_name,
        count(*)::int as n,
        count(*) filter (where status = 'ok')::int as ok_count,
        count(*) filter (where status = 'failed')::int as failed_count,
        count(*) filter (where status = 'timeout')::int as timeout_count,
        count(*) filter (where status = 'partial')::int as partial_count,
        count(*) filter (where status not in ('ok', 'failed', 'timeout', 'partial'))::int as unknown_count,
        percentile_cont(0.5) within group (order by duration_ms) as duration_p50_ms,
        percentile_cont(0.95) within group (order by duration_ms) as duration_p95_ms
    from calls
    group by interaction_date, tool_name

),

final as (

    select
        tool_name,
        n,
        ok_count,
        failed_count,
        timeout_count,
        partial_count,
        unknown_count,
        (n - ok_count - unknown_count)::double precision / nullif(n - unknown_count, 0) as failure_rate,
        {{ wilson_bound('(n - ok_count - unknown_count)', '(n - unknown_count)', '-') }} as ci_low,
        {{ wilson_bound('(n - ok_count - unknown_count)', '(n - unknown_count)', '+') }} as ci_high,
        duration_p50_ms,
        duration_p95_ms,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted

)

select * from final
