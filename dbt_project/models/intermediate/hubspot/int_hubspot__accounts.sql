-- one row per company of the CRM, of those that this run works out again
with

records as (

    {{ affected_records('account', 'company') }}

),

final as (

    select
        records.account_key,
        companies.source,
        companies.instance,
        companies.company_id as account_id,
        companies.owner_id,
        companies.company_name as account_name,
        companies.tier,
        companies.segment,
        companies.industry,
        companies.country,
        companies.lifecycle_stage,
        companies.arr,
        companies.renewal_month,
        true as is_in_crm,
        companies.is_archived,
        companies.churned_on,
        companies.created_at
    from records
    inner join {{ ref('stg_hubspot__companies') }} as companies
        on
            records.instance = companies.instance
            and records.record_id = companies.company_id

)

select * from final
