-- one row per figure of a version of a closed month, as it was frozen
select
    closes.month_start,
    closes.version,
    figures.report,
    figures.row_key,
    figures.figure,
    closes.restates_version,
    closes.reason,
    closes.closed_by,
    closes.run_id,
    figures.row_number,
    figures.figure_number,
    figures.value,
    figures.stated,
    closes.as_of,
    closes.closed_at
from {{ source('finance', 'closed_figures') }} as figures
inner join {{ source('finance', 'closes') }} as closes on figures.close_id = closes.close_id
