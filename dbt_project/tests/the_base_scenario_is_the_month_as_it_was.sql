-- the scenario that changes nothing comes to the month's own figures, by its own formulas
select
    scenarios.month_start,
    scenarios.slice_value
from {{ ref('rpt_roi_scenarios') }} as scenarios
inner join {{ ref('rpt_roi_monthly') }} as roi
    on
        scenarios.month_start = roi.month_start
        and scenarios.slice_type = roi.slice_type
        and scenarios.slice_value = roi.slice_value
where
    scenarios.scenario = 'base'
    and (
        scenarios.net_benefit is distinct from roi.net_benefit
        or scenarios.cost_per_issue is distinct from roi.cost_per_issue
        or scenarios.lifetime_value is distinct from roi.lifetime_value
    )
