{{
    config(
        unique_key=['interaction_key', 'record_type', 'record_id'],
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['record_type', 'record_id', 'instance', 'source']}]
    )
}}
-- depends_on: {{ ref('pending_interactions') }}
-- one row per interaction and record of another stream that it was built with: what was read of it then
with

references_now as (

    select * from {{ ref('int_interactions__references') }}

),

customers as (

    select distinct record_id as customer_key
    from references_now
    where record_type = 'person'

),

people as (

    {{ people_of('customers') }}

),

accounts as (

    select
        entity_key as account_key,
        min(canonical_key) as organization_key
    from {{ ref('int_identity__evidence') }}
    where
        entity_type = 'account'
        and rule = 'self'
        and entity_key in (
            select record_id from references_now
            where record_type = 'account'
        )
    group by entity_key

),

final as (

    select
        references_now.interaction_key,
        references_now.source,
        references_now.instance,
        references_now.interaction_id,
        references_now.record_type,
        references_now.record_id,
        case references_now.record_type
            when 'person' then {{ person_facts('people') }}
            when 'account' then coalesce(accounts.organization_key, references_now.record_id)
            else {{ facts_between(
                'references_now.source', 'references_now.instance', 'references_now.record_type', 'references_now.record_id',
                'references_now.used_from', 'references_now.used_to'
            ) }}
        end as facts,
        references_now.used_from,
        references_now.used_to
    from references_now
    left join people
        on
            references_now.record_type = 'person'
            and references_now.record_id = people.customer_key
    left join accounts
        on
            references_now.record_type = 'account'
            and references_now.record_id = accounts.account_key
)

select * from final
