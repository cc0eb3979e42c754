{{ config(unique_key=['source', 'instance'], indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per source instance: how fresh it is and how its loads went
with

loads as (

    select * from {{ ref('stg_ops__loads') }}

),

runs as (

    select * from {{ ref('stg_ops__runs') }}
    where step = 'ingest' and source is not null

),

instances as (

    select distinct
        source,
        instance
    from runs

),

loaded as (

    select
        source,
        instance,
        max(landed_at) as last_landed_at,
        max(newest_message_at) as newest_message_at,
        sum(rows_in) as rows_in,
        sum(rows_in) filter (where as_of > {{ as_of() }} - interval '7 days') as rows_in_7d,
        sum(rows_quarantined) filter (where as_of > {{ as_of() }} - interval '7 days') as rows_quarantined_7d
    from loads
    where as_of <= {{ as_of() }}
    group by source, instance

),

attempted as (

    select
        source,
        instance,
        max(as_of) as last_as_of,
        max(as_of) filter (where status = 'succeeded') as last_successful_as_of,
        count(*) filter (where status in ('failed', 'interrupted') and as_of > {{ as_of() }} - interval '7 days')
            as failed_runs_7d,
        count(*) filter (where as_of > {{ as_of() }} - interval '7 days') as runs_7d
    from runs
    where as_of <= {{ as_of() }}
    group by source, instance

),

final as (

    select
        instances.source,
        instances.instance,
        coalesce(loaded.rows_in, 0)::bigint as rows_in,
        coalesce(loaded.rows_in_7d, 0)::bigint as rows_in_7d,
        coalesce(loaded.rows_quarantined_7d, 0)::bigint as rows_quarantined_7d,
        coalesce(attempted.runs_7d, 0)::int as runs_7d,
        coalesce(attempted.failed_runs_7d, 0)::int as failed_runs_7d,
        {{ minutes_between('loaded.newest_message_at', as_of()) }} / 60.0 as freshness_hours,
        coalesce(
            {{ minutes_between('loaded.newest_message_at', as_of()) }} / 60.0 > {{ var('source_stale_hours') }}, true
        ) as is_stale,
        attempted.last_as_of,
        attempted.last_successful_as_of,
        loaded.last_landed_at,
        loaded.newest_message_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from instances
    left join loaded
        on
            instances.source = loaded.source
            and instances.instance = loaded.instance
    left join attempted
        on
            instances.source = attempted.source
            and instances.instance = attempted.instance

)

select * from final
