-- every interaction of a day is scored, excluded or waiting, and the reasons add up to the excluded ones
select coverage.interaction_date
from {{ ref('rpt_coverage_daily') }} as coverage
left join (
    select
        interaction_date,
        sum(interaction_count) as excluded_count
    from {{ ref('rpt_exclusions_daily') }}
    group by interaction_date
) as exclusions on coverage.interaction_date = exclusions.interaction_date
where
    coverage.interaction_count <> coverage.scored_count + coverage.excluded_count + coverage.pending_count
    or coverage.excluded_count <> coalesce(exclusions.excluded_count, 0)
