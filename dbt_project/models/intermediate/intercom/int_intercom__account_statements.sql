-- one row per statement of a company of Intercom that this run works out again
with

records as (

    {{ affected_records('account', 'company') }}

),

final as (
    {%- for relation in ['stg_intercom__companies', 'stg_intercom__companies_history'] %}

        select
            records.account_key,
            companies.tier,
            companies.segment,
            companies.plan,
            companies.stated_health,
            null as owner_id,
            null as arr,
            null as renewal_month,
            null as churned_on,
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
