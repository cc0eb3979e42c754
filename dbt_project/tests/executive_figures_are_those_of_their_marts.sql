-- the executive page defines no figure: each is the one of the mart that it names
with

compared as (

    select
        executive.month_start,
        executive.measure,
        executive.slice_value,
        executive.value,
        case executive.measure
            when 'cost_per_issue' then roi_months.cost_per_issue
            when 'net_savings' then roi_months.net_savings
            when 'return_on_ai_cost' then roi_months.return_on_ai_cost
            when 'customers_who_stay' then 1 - retention_months.churned_account_count::numeric / retention_months.account_count
            when 'accounts_lost' then retention_months.churned_account_count
            when 'lifetime_value' then retention_months.lifetime_value
            when 'revenue_at_risk' then retention_months.arr_at_risk
            when 'accounts_at_risk' then retention_months.at_risk_account_count
            else metric_months.value::numeric / case executive.unit when 'hours' then 60 else 1 end
        end as stated_value
    from {{ ref('rpt_executive_monthly') }} as executive
    left join {{ ref('fct_metric_values') }} as metric_months
        on
            executive.measure = metric_months.metric_id
            and executive.month_start = metric_months.period_start
            and executive.slice_type = metric_months.slice_type
            and executive.slice_value = metric_months.slice_value
            and metric_months.period_type = 'month'
    left join {{ ref('rpt_roi_monthly') }} as roi_months
        on
            executive.month_start = roi_months.month_start
            and executive.slice_type = roi_months.slice_type
            and executive.slice_value = roi_months.slice_value
    left join {{ ref('rpt_retention_at_risk_monthly') }} as retention_months
        on
            executive.month_start = retention_months.month_start
            and executive.slice_type = retention_months.slice_type
            and executive.slice_value = retention_months.slice_value
    where executive.source_mart in ('fct_metric_values', 'rpt_roi_monthly', 'rpt_retention_at_risk_monthly')

)

select *
from compared
where
    (value is null) <> (stated_value is null)
    -- eight decimals are kept
    or abs(value - stated_value) > 0.00000001
