-- a month holds as many issues as first contacts, and as many as its segments together
select
    whole.month_start,
    whole.issue_count
from {{ ref('rpt_cost_per_issue_monthly') }} as whole
left join (
    select
        work_month,
        count(*) as issue_count
    from {{ ref('fct_episode_work') }}
    where is_first_contact
    group by work_month
) as contacts on whole.month_start = contacts.work_month
left join (
    select
        month_start,
        sum(issue_count) as issue_count
    from {{ ref('rpt_roi_monthly') }}
    where slice_type = 'segment'
    group by month_start
) as segments on whole.month_start = segments.month_start
where
    whole.slice_type = 'all'
    and whole.handled_by = 'all'
    and (
        whole.issue_count is distinct from coalesce(contacts.issue_count, 0)
        or whole.issue_count is distinct from segments.issue_count
    )
