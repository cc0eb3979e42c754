-- one row per account of the CRM, of those that this run works out again
with

records as (

    {{ affected_records('account', 'company') }}

),

final as (

    select
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
        accounts.account_type as lifecycle_stage,
        accounts.arr,
        accounts.renewal_month,
        true as is_in_crm,
        accounts.is_archived,
        accounts.churned_on,
        accounts.created_at
    from records
    inner join {{ ref('stg_salesforce__accounts') }} as accounts
        on
            records.instance = accounts.instance
            and records.record_id = accounts.account_id

)

select * from final
