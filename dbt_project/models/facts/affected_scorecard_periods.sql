{{ config(materialized='table', indexes=[{'columns': ['period_type', 'period_start'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per week and month whose scorecards this run works out again; a changed period also changes the trend of the next
select
    period_type,
    period_start,
    period_end
from {{ ref('affected_periods') }}
where period_type in ('week', 'month')

union

select
    period_type,
    period_end + 1 as period_start,
    case period_type
        when 'week' then period_end + 7
        else (period_end + 1 + interval '1 month')::date - 1
    end as period_end
from {{ ref('affected_periods') }}
where period_type in ('week', 'month')
