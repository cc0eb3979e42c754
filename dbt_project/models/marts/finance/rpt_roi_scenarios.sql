{{
    config(
        unique_key=['month_start', 'slice_type', 'slice_value', 'scenario'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month, segment and scenario: what the month would have come to, beside what it did; scenario `base` changes nothing
with

base as (

    select
        *,
        escalation_load_minutes * hourly_rate / 60 as load_per_escalation
    from {{ ref('rpt_roi_monthly') }}

),

stated as (

    select
        scenario,
        parameter,
        unit,
        change / 100 as change_share
    from {{ ref('scenarios') }}

    union all

    select
        'base' as scenario,
        null as parameter,
        null as unit,
        null as change_share

),

scenarios as (

    select
        scenario,
        {%- for parameter in ['containment_quality', 'first_contact_resolution', 'ai_cost', 'escalations'] %}
            coalesce(max(1 + change_share) filter (where parameter = '{{ parameter }}' and unit = 'percent'), 1)
                as {{ parameter }}_factor,
            coalesce(max(change_share) filter (where parameter = '{{ parameter }}' and unit = 'points'), 0)
                as {{ parameter }}_points,
        {%- endfor %}
        coalesce(
            jsonb_object_agg(parameter, trim_scale(100 * change_share) || ' ' || unit) filter (where parameter is not null),
            '{}'::jsonb
        ) as changes
    from stated
    group by scenario

),

-- shares before and after; no share leaves 0 to 1
changed as (

    select
        base.*,
        scenarios.scenario,
        scenarios.changes,
        scenarios.ai_cost_factor,
        scenarios.escalations_factor as stated_escalations_factor,
        base.ai_resolved_issue_count::numeric / nullif(base.contained_issue_count, 0) as containment,
        least(1, greatest(
            0, base.ai_resolved_issue_count::numeric / nullif(base.contained_issue_count, 0) * scenarios.containment_quality_factor
            + scenarios.containment_quality_points
        )) as containment_after,
        base.fcr_count::numeric / nullif(base.fcr_n, 0) as resolution,
        least(1, greatest(
            0, base.fcr_count::numeric / nullif(base.fcr_n, 0) * scenarios.first_contact_resolution_factor
            + scenarios.first_contact_resolution_points
        )) as resolution_after
    from base
    cross join scenarios

),

-- what is escalated more is what AI agents would have resolved: no more than that
bounded as (

    select
        *,
        least(
            stated_escalations_factor,
            1 + coalesce(contained_issue_count * containment_after, ai_resolved_issue_count) / nullif(escalated_issue_count, 0)
        ) as escalations_factor
    from changed

),

-- how much is left of what fails: 1 is as much as before
factors as (

    select
        *,
        {{ per_item('coalesce(contained_issue_count * containment_after, ai_resolved_issue_count)') }} as contained_resolved,
        {{ per_item('coalesce((1 - containment_after) / nullif(1 - containment, 0), 1)') }} as uncontained_factor,
        {{ per_item('coalesce((1 - resolution_after) / nullif(1 - resolution, 0), 1)') }} as recontact_factor,
        {{ per_item('escalated_issue_count * escalations_factor') }} as escalated
    from bounded

),

counted as (

    select
        *,
        contained_resolved + escalated_issue_count - escalated as ai_resolved,
        {{ per_item('resolved_issue_count + contained_resolved - ai_resolved_issue_count') }} as resolved,
        {{ per_item('uncontained_factor * recontact_factor') }} as failure_factor,
        {{ cents('human_labour_cost - human_recontact_labour_cost * (1 - recontact_factor)') }} as human_labour_after,
        {{ cents(
            '(escalated_labour_cost - escalated_recontact_labour_cost * (1 - recontact_factor)) * escalations_factor'
        ) }} as escalated_labour_after
    from factors

),

lined as (

    select
        *,
        {{ cents('ai_resolved * before_cost_per_issue') }} as avoided_labour_after,
        {{ cents(
            '(contained_recontact_count * uncontained_factor + escalated_recontact_count * escalations_factor)'
            ~ ' * recontact_factor * cost_per_recontact'
        ) }} as recontact_after,
        {{ cents('human_labour_after - human_issue_count * before_cost_per_issue') }} as residual_after,
        {{ cents('escalated_labour_after - escalated * before_cost_per_issue + escalated * load_per_escalation') }} as load_after,
        {{ cents('ai_cost * ai_cost_factor') }} as ai_cost_after,
        {{ cents('expected_retention_loss * failure_factor') }} as loss_after,
        {{ cents('ai_arr_at_risk * retention_effect * (1 - failure_factor)') }} as retained_arr,
        annual_churn_rate - retention_effect * ai_arr_at_risk * (1 - failure_factor) / nullif(arr, 0) as exact_churn
    from counted

),

limited as (

    select
        *,
        -- nobody comes back who did not leave
        {{ per_item('case when exact_churn < 0 then 0 else exact_churn end') }} as churn_after
    from lined

),

netted as (

    select
        *,
        (avoided_labour_after - recontact_after - residual_after - load_after - ai_cost_after - coalesce(loss_after, 0))::numeric(20, 2)
            as net_after,
        {{ cents('(human_labour_after + escalated_labour_after + ai_cost_after) / nullif(resolved, 0)') }} as cost_after,
        -- nobody leaves at a rate of nothing: then there is no lifetime to multiply with
        {{ cents('case when churn_after > 0 then mean_arr * gross_margin / churn_after end') }} as lifetime_after
    from limited

),

final as (

    select
        month_start,
        slice_type,
        slice_value,
        scenario,
        currency,
        before_basis,
        changes,
        assumptions,
        ai_resolved::numeric(20, 6) as ai_resolved_issue_count,
        escalated::numeric(20, 6) as escalated_issue_count,
        resolved as resolved_issue_count,
        uncontained_factor,
        recontact_factor,
        avoided_labour_after as avoided_labour_cost,
        recontact_after as recontact_cost,
        residual_after as residual_mix_cost,
        load_after as escalation_load_cost,
        ai_cost_after as ai_cost,
        loss_after as expected_retention_loss,
        net_after as net_benefit,
        (net_after - net_benefit)::numeric(20, 2) as net_benefit_delta,
        cost_after as cost_per_issue,
        (cost_after - cost_per_issue)::numeric(20, 2) as cost_per_issue_delta,
        retained_arr as retained_arr_per_year,
        churn_after as annual_churn_rate,
        lifetime_after as lifetime_value,
        (lifetime_after - lifetime_value)::numeric(20, 2) as lifetime_value_delta,
        is_below_min_n,
        is_complete,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from netted

)

select * from final
