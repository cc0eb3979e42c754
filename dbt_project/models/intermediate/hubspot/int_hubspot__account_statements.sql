-- one row per statement of a company of the CRM that this run works out again
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
    {%- for relation in ['stg_hubspot__companies', 'stg_hubspot__companies_history'] %}

        select
            records.account_key,
            companies.tier,
            companies.segment,
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
