{{ config(materialized='table', post_hook='analyze {{ this }}') }}
-- one row per agent, customer, account, deal or article that this run works out again, one key per row: its own record changed,
-- or an interaction of it did. What earlier attempts have noted stays until core was built: they may have built a part of it.
{%- set interactions = built_before('core', 'interactions', {
    'interaction_key': 'text', 'customer_key': 'text', 'account_key': 'text', 'started_at': 'timestamptz'
}) %}
{%- set messages = built_before('core', 'messages', {
    'interaction_key': 'text', 'agent_key': 'text', 'interaction_started_at': 'timestamptz'
}) %}
{%- set agents = built_before('core', 'agents', {'agent_key': 'text'}) %}
{%- set deals = built_before('core', 'deals', {'deal_key': 'text', 'account_key': 'text'}) %}
{%- set noted = built_before('staging', 'int_entities__affected', {'entity_type': 'text', 'entity_key': 'text', 'run_id': 'bigint'}) %}
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

changed as (

    select
        *,
        {{ entity_key('record_id') }} as record_key
    from {{ ref('int_records__changed') }}

),

conversations as (

    select * from {{ ref('int_conversations__unioned') }}

),

changed_identities as (

    select distinct
        entity_type,
        entity_key,
        canonical_key
    from {{ ref('int_identity__evidence') }}
    where _ledger_id > {{ last_run_of('core') }}

),

-- the organization of a person follows from the accounts of all records of that person: a change of one is a change of each
changed_people as (

    select canonical_key
    from changed_identities
    where entity_type = 'customer'

    union

    select people.canonical_key
    from changed_identities
    inner join {{ ref('int_identity__evidence') }} as people on changed_identities.entity_key = people.account_key
    where changed_identities.entity_type = 'account' and people.entity_type = 'customer'

),

identities as (

    select
        entity_type,
        entity_key
    from changed_identities

    union

    select
        members.entity_type,
        members.entity_key
    from changed_people
    inner join {{ ref('int_identity__evidence') }} as members on changed_people.canonical_key = members.canonical_key
    where members.entity_type = 'customer'

),

affected as (

    select
        'agent' as entity_type,
        agent_key as entity_key
    from {{ ref('int_messages__unioned') }}

    union

    select
        entity_type,
        record_key as entity_key
    from changed
    where entity_type is not null

    union

    -- an account that answers customers is an agent, whatever else it is
    select
        'agent' as entity_type,
        changed.record_key as entity_key
    from changed
    inner join {{ ref('int_records__timeline') }} as known
        on
            changed.record_key = known.record_key
            and changed.record_type = known.record_type
    where {{ json_text('known.facts', 'actor') }} <> 'customer'

    union

    -- an account that answers no more
    select
        'agent' as entity_type,
        changed.record_key as entity_key
    from changed
    inner join {{ agents }} as agents on changed.record_key = agents.agent_key

    union

    select
        'customer' as entity_type,
        {{ customer_key('conversations') }} as entity_key
    from conversations

    union

    select
        'account' as entity_type,
        {{ entity_key('account_id') }} as entity_key
    from conversations

    union

    select
        entity_type,
        entity_key
    from identities

    union

    select
        keys.entity_type,
        keys.entity_key
    from pending
    inner join {{ interactions }} as interactions on pending.interaction_key = interactions.interaction_key
    cross join
        lateral (
            values ('customer', interactions.customer_key), ('account', interactions.account_key)
        ) as keys (entity_type, entity_key)

    union

    select
        'agent' as entity_type,
        messages.agent_key as entity_key
    from pending
    inner join {{ interactions }} as interactions on pending.interaction_key = interactions.interaction_key
    inner join {{ messages }} as messages
        on
            interactions.started_at = messages.interaction_started_at
            and interactions.interaction_key = messages.interaction_key

    union

    select
        'account' as entity_type,
        deals.account_key as entity_key
    from changed
    inner join {{ deals }} as deals on changed.record_key = deals.deal_key
    where changed.entity_type = 'deal'

),

final as (

    select
        entity_type,
        entity_key,
        {{ var('ledger_id') }}::bigint as run_id
    from affected
    where entity_key is not null

    union

    select
        entity_type,
        entity_key,
        run_id
    from {{ noted }}
    where run_id > {{ last_run_of('core') }}

)

select
    entity_type,
    case when entity_type = 'agent' then entity_key end as agent_key,
    case when entity_type = 'customer' then entity_key end as customer_key,
    case when entity_type = 'account' then entity_key end as account_key,
    case when entity_type = 'deal' then entity_key end as deal_key,
    case when entity_type = 'article' then entity_key end as article_key,
    entity_key,
    max(run_id) as run_id
from final
group by entity_type, entity_key
