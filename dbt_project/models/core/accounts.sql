{{
    config(
        unique_key='account_key',
        scope='int_entities__affected',
        scope_columns=['account_key'],
        indexes=[{'columns': ['organization_key']}]
    )
}}
-- one row per account that a source knows: a company of the CRM, an organization of a helpdesk, or one that a conversation names.
-- Records that are the same company share organization_key.
with

affected as (

    select account_key
    from {{ ref('int_entities__affected') }}
    where account_key is not null

),

identities as (

    select
        entity_key as account_key,
        min(canonical_key) as organization_key
    from {{ ref('int_identity__evidence') }}
    where
        entity_type = 'account'
        and rule = 'self'
        and entity_key in (select affected.account_key from affected)
    group by entity_key

),

interactions as (

    select interactions.*
    from affected
    inner join {{ ref('interactions') }} as interactions on affected.account_key = interactions.account_key

),

named as (

    select
        account_key,
        min(source) as source,
        min(instance) as instance,
        min(account_id) as account_id,
        (array_agg(tier order by started_at desc, interaction_key asc) filter (where tier is not null))[1] as tier
    from interactions
    group by account_key

),

records as (

    select distinct
        affected.account_key,
        known.instance,
        known.record_type,
        known.record_id
    from affected
    inner join {{ ref('int_records__timeline') }} as known on affected.account_key = known.record_key
    where known.record_type in ('company', 'organization')

),

companies as (

    select
        records.account_key,
        companies.*
    from records
    inner join {{ ref('stg_hubspot__companies') }} as companies
        on
            records.record_type = 'company'
            and records.instance = companies.instance
            and records.record_id = companies.company_id

),

organizations as (

    select
        records.account_key,
        organizations.*
    from records
    inner join {{ ref('stg_zendesk__organizations') }} as organizations
        on
            records.record_type = 'organization'
            and records.instance = organizations.instance
            and records.record_id = organizations.organization_id

),

final as (

    select
        affected.account_key,
        coalesce(identities.organization_key, affected.account_key) as organization_key,
        coalesce(companies.source, organizations.source, named.source) as source,
        coalesce(companies.instance, organizations.instance, named.instance) as instance,
        coalesce(companies.company_id, organizations.organization_id, named.account_id) as account_id,
        companies.owner_id,
        coalesce(companies.company_name, organizations.organization_name) as account_name,
        case
            when companies.account_key is not null then companies.tier
            when organizations.account_key is not null then organizations.tier
            else named.tier
        end as tier,
        coalesce(companies.segment, organizations.segment) as segment,
        companies.industry,
        companies.country,
        companies.lifecycle_stage,
        companies.arr,
        companies.renewal_month::int as renewal_month,
        companies.account_key is not null as is_in_crm,
        companies.churned_on is not null as is_churned,
        coalesce(companies.is_archived, false) as is_archived,
        companies.churned_on,
        coalesce(companies.created_at, organizations.created_at) as created_at
    from affected
    left join companies on affected.account_key = companies.account_key
    left join organizations on affected.account_key = organizations.account_key
    left join named on affected.account_key = named.account_key
    left join identities on affected.account_key = identities.account_key
    where coalesce(companies.account_key, organizations.account_key, named.account_key) is not null

)

select * from final
