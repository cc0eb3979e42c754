-- one row per company of mapped tables, of those that this run works out again
with

records as (

    {{ affected_records('account', 'company') }}

),

final as (

    -- of several rows that speak of a company one that is there, and of two the later
    select distinct on (records.account_key)
        records.account_key,
        accounts.source,
        accounts.instance,
        accounts.account_id,
        accounts.owner_id,
        accounts.account_name,
        accounts.tier,
        accounts.segment,
        accounts.industry,
        accounts.country,
        accounts.lifecycle_stage,
        accounts.arr,
        accounts.renewal_month,
        (accounts.crm_id is not null) as is_in_crm,
        accounts.is_archived,
        {{ utc_date('accounts.churned_at') }} as churned_on,
        accounts.created_at
    from records
    inner join {{ ref('stg_sql__accounts') }} as accounts
        on
            records.instance = accounts.instance
            and records.record_id = accounts.account_id
    order by records.account_key asc, accounts.is_archived asc, accounts._load_id desc, accounts.row_id asc

)

select * from final
