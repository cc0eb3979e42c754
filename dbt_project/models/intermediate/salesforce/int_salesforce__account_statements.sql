-- one row per statement of an account of the CRM that this run works out again
with

records as (

    {{ affected_records('account', 'company') }}

),

final as (
    {%- for relation in ['stg_salesforce__accounts', 'stg_salesforce__accounts_history'] %}

        select
            records.account_key,
            accounts.tier,
            accounts.segment,
            accounts.plan,
            accounts.stated_health,
            accounts.owner_id,
            accounts.arr,
            accounts.renewal_month,
            accounts.churned_on,
            accounts.created_at,
            accounts.updated_at as observed_at,
            accounts._load_id
        from records
        inner join {{ ref(relation) }} as accounts
            on
                records.instance = accounts.instance
                and records.record_id = accounts.account_id
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

)

select * from final
