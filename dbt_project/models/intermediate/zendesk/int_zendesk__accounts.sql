-- one row per organization, of those that this run works out again
with

records as (

    {{ affected_records('account', 'organization') }}

),

final as (

    select
        records.account_key,
        organizations.source,
        organizations.instance,
        organizations.organization_id as account_id,
        null as owner_id,
        organizations.organization_name as account_name,
        organizations.tier,
        organizations.segment,
        null as industry,
        null as country,
        null as lifecycle_stage,
        null as arr,
        null as renewal_month,
        false as is_in_crm,
        false as is_archived,
        null as churned_on,
        organizations.created_at
    from records
    inner join {{ ref('stg_zendesk__organizations') }} as organizations
        on
            records.instance = organizations.instance
            and records.record_id = organizations.organization_id

)

select * from final
