-- three to five primary metrics, five to ten secondary ones, three in the default profile: more of them lead nowhere
with

counted as (

    select
        count(*) filter (where tier = 'primary') as primary_count,
        count(*) filter (where tier = 'secondary') as secondary_count,
        count(*) filter (where in_default_profile) as profile_count
    from {{ ref('dim_metrics') }}

)

select *
from counted
where primary_count not between 3 and 5 or secondary_count not between 5 and 10 or profile_count <> 3
