-- one row per record of mapped tables that changed, rule and value by which it could be known as somebody
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'sql'

),

customers as (

    select
        customers.*,
        {{ entity_key('customers.customer_id', 'customers.source', 'customers.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_sql__customers') }} as customers
        on
            changed.source = customers.source
            and changed.instance = customers.instance
            and changed.record_id = customers.customer_id
    where changed.record_type = 'contact' and not customers.is_archived

),

accounts as (

    select
        accounts.*,
        {{ entity_key('accounts.account_id', 'accounts.source', 'accounts.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_sql__accounts') }} as accounts
        on
            changed.source = accounts.source
            and changed.instance = accounts.instance
            and changed.record_id = accounts.account_id
    where changed.record_type = 'company' and not accounts.is_archived

),

events as (

    select distinct
        events.source,
        events.instance,
        {{ customer_key('events') }} as entity_key,
        events.customer_email,
        events.external_id
    from {{ ref('stg_sql__product_events') }} as events
    where not events.is_archived and {{ is_pending('events') }}

),

final as (

    select
        'customer' as entity_type,
        customers.entity_key as record_key,
        customers.entity_key,
        {{ entity_key('customers.account_id', 'customers.source', 'customers.instance') }} as account_key,
        customers.source,
        customers.instance,
        claims.rule,
        claims.value
    from customers
    cross join
        lateral (
            values
            ('self', customers.entity_key),
            ('external_id', trim(customers.external_id)),
            ('email', lower(trim(customers.customer_email)))
        ) as claims (rule, value)

    union all

    -- what one event has said of a user stays said, so each claim is a record of its own, beside that of the customer
    select
        'customer' as entity_type,
        md5(events.entity_key || claims.rule || claims.value) as record_key,
        events.entity_key,
        null as account_key,
        events.source,
        events.instance,
        claims.rule,
        claims.value
    from events
    cross join
        lateral (
            values
            ('self', events.entity_key),
            ('external_id', trim(events.external_id)),
            ('email', lower(trim(events.customer_email)))
        ) as claims (rule, value)
    where events.entity_key is not null and claims.value is not null

    union all

    select
        'account' as entity_type,
        accounts.entity_key as record_key,
        accounts.entity_key,
        null as account_key,
        accounts.source,
        accounts.instance,
        claims.rule,
        claims.value
    from accounts
    cross join
        lateral (
            values ('self', accounts.entity_key), ('crm_id', accounts.crm_id), ('domain', {{ domain_of('accounts.domain') }})
        ) as claims (rule, value)

)

select * from final
