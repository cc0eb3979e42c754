-- one row per case that landed and was merged into another
select
    cases.source,
    cases.instance,
    cases.case_id as interaction_id,
    cases.case_id as loser_id,
    cases.master_id as survivor_id
from {{ ref('landed_interactions') }} as landed
inner join {{ ref('stg_salesforce__cases') }} as cases
    on
        landed.source = cases.source
        and landed.instance = cases.instance
        and landed.interaction_id = cases.case_id
where cases.master_id is not null and cases.master_id <> cases.case_id
