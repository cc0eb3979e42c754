-- one row per statement of a company that this run works out again
with

records as (

    {{ affected_records('account', 'company') }}

),

final as (
    {%- for relation in ['stg_freshdesk__companies', 'stg_freshdesk__companies_history'] %}

        select
            records.account_key,
            companies.tier,
            companies.segment,
            companies.plan,
            companies.stated_health,
            null as owner_id,
            null as arr,
            extract(month from companies.renews_at at time zone 'utc') as renewal_month,
            null as churned_on,
            companies.created_at,
            companies.updated_at as observed_at,
            companies._load_id
        from records
        inner join {{ ref(relation) }} as companies
            on
                records.instance = companies.instance
                and records.record_id = companies.company_id
        -- what is deleted says nothing any more, and is told by the time of what it said last
        where not companies.is_archived
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

)

select * from final
