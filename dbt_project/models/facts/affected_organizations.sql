{{ config(materialized='table', indexes=[{'columns': ['account_key'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per organization that this run looks at again: something of an account or an interaction of it changed since the marts were
-- last built, or has left it
with

before as (

    select * from {{ ref('int_organizations__before') }}

),

final as (

    select organization_key
    from before
    where entity_type in ('account', 'interaction')

    union

    select accounts.organization_key
    from before
    inner join {{ ref('accounts') }} as accounts on before.entity_key = accounts.account_key
    where before.entity_type = 'account'

    union

    select interactions.organization_key
    from {{ ref('affected_interactions') }} as affected
    inner join {{ ref('interactions') }} as interactions on affected.interaction_key = interactions.interaction_key

    union

    -- where nothing has been built
    select organization_key
    from {{ ref('accounts') }}
    where {{ last_run_of('marts') }} = 0

)

select organization_key as account_key
from final
where organization_key is not null
