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

listed as (

    select * from {{ ref('int_sources__accounts') }}

),

final as (

    select
        affected.account_key,
        coalesce(identities.organization_key, affected.account_key) as organization_key,
        coalesce(listed.source, named.source) as source,
        coalesce(listed.instance, named.instance) as instance,
        coalesce(listed.account_id, named.account_id) as account_id,
        listed.owner_id,
        listed.account_name,
        case when listed.account_key is not null then listed.tier else named.tier end as tier,
        listed.segment,
        listed.industry,
        listed.country,
        listed.lifecycle_stage,
        listed.arr,
        listed.renewal_month,
        coalesce(listed.is_in_crm, false) as is_in_crm,
        listed.churned_on is not null as is_churned,
        coalesce(listed.is_archived, false) as is_archived,
        listed.churned_on,
        listed.created_at
    from affected
    left join listed on affected.account_key = listed.account_key
    left join named on affected.account_key = named.account_key
    left join identities on affected.account_key = identities.account_key
    where coalesce(listed.account_key, named.account_key) is not null

)

select * from final
