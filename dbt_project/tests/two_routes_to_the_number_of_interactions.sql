-- the days of the coverage report hold as many interactions as core
select
    core.interaction_count as core_count,
    marts.interaction_count as marts_count
from (select count(*) as interaction_count from {{ ref('interactions') }}) as core
cross join (select coalesce(sum(interaction_count), 0) as interaction_count from {{ ref('rpt_coverage_daily') }}) as marts
where core.interaction_count <> marts.interaction_count
