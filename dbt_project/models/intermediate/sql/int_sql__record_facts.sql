-- one row per customer that changed, and per company that changed and moment: what conversations read of them
-- of several rows that speak of a customer the latest that names a company
select
    customers.source,
    customers.instance,
    'contact' as record_type,
    customers.customer_id as record_id,
    jsonb_strip_nulls(jsonb_build_object(
        'actor', 'customer',
        'organization_id', (
            array_agg(customers.account_id order by customers._load_id desc, customers.row_id asc)
            filter (where customers.account_id is not null)
        )[1]
    )) as facts,
    null::timestamptz as observed_at,
    max(customers._load_id) as _load_id
from {{ ref('int_records__changed') }} as changed
inner join {{ ref('stg_sql__customers') }} as customers
    on
        changed.source = customers.source
        and changed.instance = customers.instance
        and changed.record_id = customers.customer_id
where changed.source = 'sql' and changed.record_type = 'contact' and not customers.is_archived
group by customers.source, customers.instance, customers.customer_id

union all

{{ facts_of(
    source='sql', record_type='company', relation='stg_sql__accounts', id='account_id',
    history='stg_sql__accounts_history',
    facts="jsonb_strip_nulls(jsonb_build_object('tier', records.tier))",
    where="not records.is_archived",
) }}
