-- one row per company of the CRM, of those that this run works out again
with

affected as (

    select account_key
    from {{ ref('int_entities__affected') }}
    where account_key is not null

),

records as (

    select distinct
        affected.account_key,
        known.instance,
        known.record_id
    from affected
    inner join {{ ref('int_records__timeline') }} as known
        on
            affected.account_key = known.record_key
            and known.record_type = 'company'

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
