-- one row per customer or company of mapped tables that landed since core was last built
select
    customers.source,
    customers.instance,
    'contact' as record_type,
    customers.customer_id as record_id,
    'customer' as entity_type,
    null::jsonb as facts
from {{ ref('stg_sql__customers') }} as customers
where {{ is_pending('customers') }}

union all

select
    accounts.source,
    accounts.instance,
    'company' as record_type,
    accounts.account_id as record_id,
    'account' as entity_type,
    null::jsonb as facts
from {{ ref('stg_sql__accounts') }} as accounts
where {{ is_pending('accounts') }}
