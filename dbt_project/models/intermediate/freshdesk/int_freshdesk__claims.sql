-- one row per record of Freshdesk that changed, rule and value by which it could be known as somebody
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'freshdesk'

),

contacts as (

    select
        contacts.*,
        {{ entity_key('contacts.contact_id', 'contacts.source', 'contacts.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_freshdesk__contacts') }} as contacts
        on
            changed.source = contacts.source
            and changed.instance = contacts.instance
            and changed.record_id = contacts.contact_id
    left join {{ ref('int_freshdesk__staff') }} as staff
        on
            contacts.instance = staff.instance
            and contacts.contact_id = staff.user_id
    where changed.record_type = 'user' and staff.user_id is null

),

companies as (

    select
        companies.*,
        {{ entity_key('companies.company_id', 'companies.source', 'companies.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_freshdesk__companies') }} as companies
        on
            changed.source = companies.source
            and changed.instance = companies.instance
            and changed.record_id = companies.company_id
    where changed.record_type = 'company'

),

final as (

    select
        'customer' as entity_type,
        contacts.entity_key as record_key,
        contacts.entity_key,
        {{ entity_key('contacts.company_id', 'contacts.source', 'contacts.instance') }} as account_key,
        contacts.source,
        contacts.instance,
        claims.rule,
        claims.value
    from contacts
    cross join
        lateral (
            select
                'self' as rule,
                contacts.entity_key as value
            union all
            select
                'email' as rule,
                lower(trim(contacts.email)) as value
            union all
            select
                'email' as rule,
                lower(trim(others.address #>> '{}')) as value
            from {{ json_elements('contacts.other_emails') }} as others (address)
            union all
            select
                'external_id' as rule,
                trim(contacts.external_id) as value
        ) as claims

    union all

    select
        'account' as entity_type,
        companies.entity_key as record_key,
        companies.entity_key,
        null as account_key,
        companies.source,
        companies.instance,
        claims.rule,
        claims.value
    from companies
    cross join
        lateral (
            select
                'self' as rule,
                companies.entity_key as value
            union all
            select
                'crm_id' as rule,
                trim(companies.crm_id) as value
            union all
            select
                'domain' as rule,
                {{ domain_of("names.name #>> '{}'") }} as value
            from {{ json_elements('companies.domains') }} as names (name)
        ) as claims

)

select * from final
