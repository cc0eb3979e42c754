-- one row per case that landed without a contact and names who wrote it by address
select
    cases.source,
    cases.instance,
    cases.case_id as interaction_id,
    null::text as customer_id,
    cases.supplied_email as customer_email
from {{ ref('landed_interactions') }} as landed
inner join {{ ref('stg_salesforce__cases') }} as cases
    on
        landed.source = cases.source
        and landed.instance = cases.instance
        and landed.interaction_id = cases.case_id
where cases.contact_id is null and cases.supplied_email <> '' and not cases.is_deleted
