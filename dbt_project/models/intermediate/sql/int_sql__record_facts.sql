-- one row per customer that changed, and per company that changed and moment: what conversations read of them
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'sql'

),

customers as (

    -- of several rows that speak of a customer the latest that names a company
    select
        customers.source,
        customers.instance,
        'contact' as record_type,
        customers.customer_id as record_id,
        null::timestamptz as observed_at,
        max(customers._load_id) as _load_id,
        jsonb_strip_nulls(jsonb_build_object(
            'actor', 'customer',
            'organization_id', (
                array_agg(customers.account_id order by customers._load_id desc, customers.row_id asc)
                filter (where customers.account_id is not null)
            )[1]
        )) as facts
    from changed
    inner join {{ ref('stg_sql__customers') }} as customers
        on
            changed.source = customers.source
            and changed.instance = customers.instance
            and changed.record_id = customers.customer_id
    where changed.record_type = 'contact' and not customers.is_archived
    group by customers.source, customers.instance, customers.customer_id

),

accounts as (
    {%- for relation in ['stg_sql__accounts', 'stg_sql__accounts_history'] %}

        select
            accounts.source,
            accounts.instance,
            'company' as record_type,
            accounts.account_id as record_id,
            accounts.updated_at as observed_at,
            accounts._load_id,
            jsonb_strip_nulls(jsonb_build_object('tier', accounts.tier)) as facts
        from changed
        inner join {{ ref(relation) }} as accounts
            on
                changed.source = accounts.source
                and changed.instance = accounts.instance
                and changed.record_id = accounts.account_id
        where changed.record_type = 'company' and not accounts.is_archived
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

final as (

    select * from customers
    union all
    select * from accounts

)

select * from final
