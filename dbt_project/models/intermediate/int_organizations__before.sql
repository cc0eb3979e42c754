{{ config(materialized='table', post_hook='analyze {{ this }}') }}
-- one row per account, customer and interaction that core works out again, with the organization (and the day) it counted for when
-- the marts were last built: what leaves an organization changes its figures as much as what comes to it. What earlier runs have
-- noted stays until marts were built.
{%- set accounts = built_before('core', 'accounts', {'account_key': 'text', 'organization_key': 'text'}) %}
{%- set customers = built_before('core', 'customers', {
    'customer_key': 'text', 'person_key': 'text', 'organization_key': 'text'
}) %}
{%- set interactions = built_before('core', 'interactions', {
    'interaction_key': 'text', 'organization_key': 'text', 'interaction_date': 'date'
}) %}
{%- set noted = built_before('staging', 'int_organizations__before', {
    'entity_type': 'text', 'entity_key': 'text', 'person_key': 'text', 'organization_key': 'text', 'interaction_date': 'date',
    'run_id': 'bigint'
}) %}
with

affected as (

    select * from {{ ref('int_entities__affected') }}
    where entity_type in ('account', 'customer')

),

known as (

    select
        affected.entity_type,
        affected.entity_key,
        customers.person_key,
        coalesce(accounts.organization_key, customers.organization_key) as organization_key,
        null::date as interaction_date
    from affected
    left join {{ accounts }} as accounts on affected.account_key = accounts.account_key
    left join {{ customers }} as customers on affected.customer_key = customers.customer_key

    union all

    select
        'interaction' as entity_type,
        interactions.interaction_key as entity_key,
        null as person_key,
        interactions.organization_key,
        interactions.interaction_date
    from {{ ref('pending_interactions') }} as pending
    inner join {{ interactions }} as interactions on pending.interaction_key = interactions.interaction_key

),

final as (

    select
        *,
        {{ var('ledger_id') }}::bigint as run_id
    from known

    union all

    select
        entity_type,
        entity_key,
        person_key,
        organization_key,
        interaction_date,
        run_id
    from {{ noted }}
    where run_id > {{ last_run_of('marts') }}

)

-- the first that was noted is what the marts were built of
select distinct on (entity_type, entity_key) *
from final
order by entity_type asc, entity_key asc, run_id asc
