-- one row per record of Salesforce that changed, rule and value by which it could be known as somebody. One that was merged away is
-- known as the record that was kept: by its addresses and ids
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'salesforce'

),

contacts as (

    select
        contacts.*,
        masters.email as master_email,
        masters.additional_emails as master_emails,
        masters.external_id as master_external_id,
        {{ entity_key('contacts.contact_id', 'contacts.source', 'contacts.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_salesforce__contacts') }} as contacts
        on
            changed.source = contacts.source
            and changed.instance = contacts.instance
            and changed.record_id = contacts.contact_id
    left join {{ ref('stg_salesforce__contacts') }} as masters
        on
            contacts.instance = masters.instance
            and contacts.master_id = masters.contact_id
    where changed.record_type = 'contact' and (not contacts.is_archived or contacts.master_id is not null)

),

accounts as (

    select
        accounts.*,
        {{ entity_key('accounts.account_id', 'accounts.source', 'accounts.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_salesforce__accounts') }} as accounts
        on
            changed.source = accounts.source
            and changed.instance = accounts.instance
            and changed.record_id = accounts.account_id
    where changed.record_type = 'company' and (not accounts.is_archived or accounts.master_id is not null)

),

final as (

    select
        'customer' as entity_type,
        contacts.entity_key as record_key,
        contacts.entity_key,
        {{ entity_key('contacts.account_id', 'contacts.source', 'contacts.instance') }} as account_key,
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
                'external_id' as rule,
                trim(case when contacts.master_id is null then contacts.external_id else contacts.master_external_id end) as value
            union all
            select
                'email' as rule,
                lower(trim(addresses.address)) as value
            from unnest(string_to_array(case
                when contacts.master_id is null then concat_ws(';', contacts.email, contacts.additional_emails)
                else concat_ws(';', contacts.master_email, contacts.master_emails)
            end, ';')) as addresses (address)
        ) as claims

    union all

    select
        'account' as entity_type,
        accounts.entity_key as record_key,
        accounts.entity_key,
        null as account_key,
        accounts.source,
        accounts.instance,
        claims.rule,
        claims.value
    from accounts
    cross join
        lateral (
            select
                'self' as rule,
                accounts.entity_key as value
            union all
            select
                'crm_id' as rule,
                coalesce(accounts.master_id, accounts.account_id) as value
            union all
            select
                'domain' as rule,
                {{ domain_of('accounts.domain') }} as value
        ) as claims

)

select * from final
