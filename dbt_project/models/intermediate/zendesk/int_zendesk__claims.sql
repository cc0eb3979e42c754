-- one row per record of Zendesk that changed, rule and value by which it could be known as somebody
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'zendesk'

),

users as (

    select
        users.*,
        {{ entity_key('users.user_id', 'users.source', 'users.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_zendesk__users') }} as users
        on
            changed.source = users.source
            and changed.instance = users.instance
            and changed.record_id = users.user_id
    where changed.record_type = 'user' and users.role = 'end-user'

),

organizations as (

    select
        organizations.*,
        {{ entity_key('organizations.organization_id', 'organizations.source', 'organizations.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_zendesk__organizations') }} as organizations
        on
            changed.source = organizations.source
            and changed.instance = organizations.instance
            and changed.record_id = organizations.organization_id
    where changed.record_type = 'organization'

),

final as (

    select
        'customer' as entity_type,
        users.entity_key as record_key,
        users.entity_key,
        {{ entity_key('users.organization_id', 'users.source', 'users.instance') }} as account_key,
        users.source,
        users.instance,
        claims.rule,
        claims.value
    from users
    cross join
        lateral (
            values ('self', users.entity_key), ('email', lower(trim(users.email))), ('external_id', trim(users.external_id))
        ) as claims (rule, value)

    union all

    select
        'account' as entity_type,
        organizations.entity_key as record_key,
        organizations.entity_key,
        null as account_key,
        organizations.source,
        organizations.instance,
        claims.rule,
        claims.value
    from organizations
    cross join
        lateral (
            select
                'self' as rule,
                organizations.entity_key as value
            union all
            select
                'crm_id' as rule,
                trim(organizations.crm_id) as value
            union all
            select
                'domain' as rule,
                {{ domain_of("names.name #>> '{}'") }} as value
            from {{ json_elements('organizations.domain_names') }} as names (name)
        ) as claims

)

select * from final
