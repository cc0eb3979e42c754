-- one row per company, of those that this run works out again
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
        null as owner_id,
        companies.company_name as account_name,
        companies.tier,
        companies.segment,
        companies.industry,
        null as country,
        null as lifecycle_stage,
        null as arr,
        extract(month from companies.renews_at at time zone 'utc') as renewal_month,
        false as is_in_crm,
        companies.is_archived,
        null as churned_on,
        companies.created_at
    from records
    inner join {{ ref('stg_freshdesk__companies') }} as companies
        on
            records.instance = companies.instance
            and records.record_id = companies.company_id

)

select * from final
