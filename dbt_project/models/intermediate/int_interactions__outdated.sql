{{ config(materialized='table', indexes=[{'columns': ['interaction_key'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per interaction of which nothing landed, but whose customer, account, agents or teams are no longer what core was built
-- with: it is worked on again
{%- set references = built_before('core', 'interaction_references', {
    'interaction_key': 'text', 'source': 'text', 'instance': 'text', 'interaction_id': 'text', 'record_type': 'text',
    'record_id': 'text', 'facts': 'text', 'used_from': 'timestamptz', 'used_to': 'timestamptz'
}) %}
with

changed as (

    select * from {{ ref('int_records__changed') }}

),

changed_identities as (

    select
        entity_type,
        entity_key,
        canonical_key
    from {{ ref('int_identity__evidence') }}
    where _ledger_id > {{ last_run_of('core') }}

    union

    -- a record that is gone has left no row
    select
        entity_type,
        {{ entity_key('record_id') }} as entity_key,
        null as canonical_key
    from changed
    where entity_type in ('customer', 'account')

),

-- the organization of a person follows from the accounts of all records of that person
changed_people as (

    select distinct canonical_key
    from changed_identities
    where entity_type = 'customer'

    union

    select people.canonical_key
    from changed_identities
    inner join {{ ref('int_identity__evidence') }} as people on changed_identities.entity_key = people.account_key
    where changed_identities.entity_type = 'account' and people.entity_type = 'customer'

),

customers as (

    select distinct entity_key as customer_key
    from changed_identities
    where entity_type = 'customer'

    union

    select members.entity_key as customer_key
    from changed_people
    inner join {{ ref('int_identity__evidence') }} as members on changed_people.canonical_key = members.canonical_key
    where members.entity_type = 'customer'

),

people as (

    {{ people_of('customers') }}

),

accounts as (

    select distinct
        changed_identities.entity_key as account_key,
        coalesce(identities.canonical_key, changed_identities.entity_key) as organization_key
    from changed_identities
    left join {{ ref('int_identity__evidence') }} as identities
        on
            changed_identities.entity_key = identities.entity_key
            and identities.rule = 'self'
    where changed_identities.entity_type = 'account'

),

used as (

    select
        used.interaction_key,
        used.source,
        used.instance,
        used.interaction_id,
        'referenced' as reason,
        used.facts,
        {{ facts_between('used.source', 'used.instance', 'used.record_type', 'used.record_id', 'used.used_from', 'used.used_to') }}
            as facts_now
    from changed
    inner join {{ references }} as used
        on
            changed.record_type = used.record_type
            and changed.source = used.source
            and changed.instance = used.instance
            and changed.record_id = used.record_id

    union all

    select
        used.interaction_key,
        used.source,
        used.instance,
        used.interaction_id,
        'identity' as reason,
        used.facts,
        {{ person_facts('people') }} as facts_now
    from people
    inner join {{ references }} as used
        on
            used.record_type = 'person'
            and people.customer_key = used.record_id

    union all

    select
        used.interaction_key,
        used.source,
        used.instance,
        used.interaction_id,
        'identity' as reason,
        used.facts,
        accounts.organization_key as facts_now
    from accounts
    inner join {{ references }} as used
        on
            used.record_type = 'account'
            and accounts.account_key = used.record_id

),

final as (

    select
        interaction_key,
        max(source) as source,
        max(instance) as instance,
        max(interaction_id) as interaction_id,
        min(reason) as reason
    from used
    where facts is distinct from facts_now
    group by interaction_key

)

select * from final
