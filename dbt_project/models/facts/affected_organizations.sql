{{ config(materialized='table', indexes=[{'columns': ['account_key'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per organization that this run looks at again: something of an account of it changed since the marts were last built, or has
-- left it, or another interaction than before may be the first of it
{%- set built = built_before('facts', 'organizations', {'account_key': 'text', 'began_on': 'date'}) %}
with

before as (

    select * from {{ ref('int_organizations__before') }}

),

final as (

    select organization_key
    from before
    where entity_type = 'account'

    union

    select before.organization_key
    from before
    left join {{ built }} as built on before.organization_key = built.account_key
    where before.entity_type = 'interaction' and (built.began_on is null or before.interaction_date <= built.began_on)

    union

    select accounts.organization_key
    from before
    inner join {{ ref('accounts') }} as accounts on before.entity_key = accounts.account_key
    where before.entity_type = 'account'

    union

    select interactions.organization_key
    from {{ ref('affected_interactions') }} as affected
    inner join {{ ref('interactions') }} as interactions on affected.interaction_key = interactions.interaction_key
    left join {{ built }} as built on interactions.organization_key = built.account_key
    where built.began_on is null or interactions.interaction_date < built.began_on

    union

    -- where nothing has been built
    select organization_key
    from {{ ref('accounts') }}
    where {{ last_run_of('marts') }} = 0

)

select organization_key as account_key
from final
where organization_key is not null
