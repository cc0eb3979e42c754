-- one row per statement of an organization that this run works out again
with

records as (

    {{ affected_records('account', 'organization') }}

),

final as (
    {%- for relation in ['stg_zendesk__organizations', 'stg_zendesk__organizations_history'] %}

        select
            records.account_key,
            organizations.tier,
            organizations.segment,
            organizations.plan,
            organizations.stated_health,
            null as owner_id,
            null as arr,
            null as renewal_month,
            null as churned_on,
            organizations.created_at,
            organizations.updated_at as observed_at,
            organizations._load_id
        from records
        inner join {{ ref(relation) }} as organizations
            on
                records.instance = organizations.instance
                and records.record_id = organizations.organization_id
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

)

select * from final
