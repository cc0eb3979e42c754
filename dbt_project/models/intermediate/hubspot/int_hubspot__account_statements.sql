-- one row per statement of a company of the CRM that this run works out again
with

records as (

    {{ affected_records('account', 'company') }}

),

final as (
    {%- for relation in ['stg_hubspot__companies', 'stg_hubspot__companies_history'] %}

        select
            records.account_key,
            companies.tier,
            companies.segment,
            companies.plan,
            companies.stated_health,
            companies.owner_id,
            companies.arr,
            companies.renewal_month,
            companies.churned_on,
            companies.created_at,
            companies.updated_at as observed_at,
            companies._load_id
        from records
        inner join {{ ref(relation) }} as companies
            on
                records.instance = companies.instance
                and records.record_id = companies.company_id
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

)

select * from final
