{{
    config(
        unique_key=['week_start', 'segment'],
        scope='affected_segment_weeks',
        scope_columns=['week_start'],
        indexes=[]
    )
}}
-- one row per week, by its Monday, and segment of accounts: what their customers met, in sums of decimals, which are exact in any order
select
    affected.week_start,
    coalesce(organizations.segment, 'unknown') as segment,
    count(*)::int as n,
    count(distinct contexts.account_key)::int as account_count,
    sum(contexts.quality) as quality_sum,
    sum(contexts.quality * contexts.quality) as quality_square_sum
from {{ ref('affected_segment_weeks') }} as affected
inner join {{ ref('fct_interaction_business_context') }} as contexts
    on
        affected.week_start <= contexts.interaction_date
        and affected.week_start + 7 > contexts.interaction_date
inner join {{ ref('organizations') }} as organizations on contexts.account_key = organizations.account_key
where contexts.quality is not null
group by affected.week_start, coalesce(organizations.segment, 'unknown')
