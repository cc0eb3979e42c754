-- one row per record of Intercom that changed, rule and value by which it could be known as somebody
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'intercom'

),

contacts as (

    select
        contacts.*,
        {{ entity_key('contacts.contact_id', 'contacts.source', 'contacts.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_intercom__contacts') }} as contacts
        on
            changed.source = contacts.source
            and changed.instance = contacts.instance
            and changed.record_id = contacts.contact_id
    where changed.record_type = 'contact' and not contacts.is_archived

),

companies as (

    select
        companies.*,
        {{ entity_key('companies.company_id', 'companies.source', 'companies.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_intercom__companies') }} as companies
        on
            changed.source = companies.source
            and changed.instance = companies.instance
            and changed.record_id = companies.company_id
    where changed.record_type = 'company' and not companies.is_archived

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
            values
            ('self', contacts.entity_key),
            ('email', lower(trim(contacts.email))),
            ('external_id', trim(contacts.external_id))
        ) as claims (rule, value)

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
            values
            ('self', companies.entity_key),
            ('crm_id', trim(companies.crm_id)),
            ('domain', {{ domain_of('companies.website') }})
        ) as claims (rule, value)

)

select * from final
