-- one row per record of mapped tables that changed, rule and value by which it could be known as somebody
with

events as (

    select distinct
        events.source,
        events.instance,
        {{ customer_key('events') }} as entity_key,
        events.customer_email,
        events.external_id
    from {{ ref('stg_sql__product_events') }} as events
    where not events.is_archived and {{ is_pending('events') }}

)

{{ claims_of(
    source='sql', record_type='contact', entity_type='customer', relation='stg_sql__customers', id='customer_id', account_id='account_id',
    claims=[
        ("external_id", "trim(records.external_id)"),
        ("email", "lower(trim(records.customer_email))"),
    ],
    where="not records.is_archived",
) }}

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

{{ claims_of(
    source='sql', record_type='company', entity_type='account', relation='stg_sql__accounts', id='account_id',
    claims=[
        ("crm_id", "records.crm_id"),
        ("domain", domain_of('records.domain')),
    ],
    where="not records.is_archived",
) }}
