-- who adds the lines of a row up comes to its result, to the cent
select
    month_start,
    slice_type,
    slice_value
from {{ ref('rpt_roi_monthly') }}
where
    net_savings <> avoided_labour_cost - recontact_cost - residual_mix_cost - escalation_load_cost - ai_cost
    or net_benefit <> net_savings - coalesce(expected_retention_loss, 0)
