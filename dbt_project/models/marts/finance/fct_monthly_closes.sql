{{
    config(
        unique_key=['month_start', 'version', 'report', 'row_key', 'figure'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per closed month, version, report, row and figure: what was frozen, by whom, and why it was restated
with

figures as (

    select * from {{ ref('stg_finance__closed_figures') }}

),

final as (

    select
        month_start,
        version,
        report,
        row_key,
        figure,
        restates_version,
        reason,
        closed_by,
        stated,
        value,
        row_number,
        figure_number,
        (version = max(version) over (partition by month_start)) as is_current,
        as_of,
        closed_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from figures

)

select * from final
