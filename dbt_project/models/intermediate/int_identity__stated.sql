{{
    config(
        materialized='table',
        indexes=[{'columns': ['entity_type', 'record_key']}, {'columns': ['entity_type', 'rule', 'value_hash']}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per record, rule and value by which a record that changed could be known as somebody; the row of the rule `self` says
-- that the record is there. Values are digests: nobody is found in this table by reading it.
with

changed as (

    select * from {{ ref('int_records__changed') }}

),

freemail as (

    select * from {{ ref('freemail_domains') }}

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

contacts as (

    select
        contacts.*,
        {{ entity_key('contacts.contact_id', 'contacts.source', 'contacts.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_hubspot__contacts') }} as contacts
        on
            changed.source = contacts.source
            and changed.instance = contacts.instance
            and changed.record_id = contacts.contact_id
    where changed.record_type = 'contact' and not contacts.is_archived

),

events as (

    select distinct
        events.source,
        events.instance,
        {{ entity_key('events.distinct_id', 'events.source', 'events.instance') }} as entity_key,
        events.email,
        -- an anonymous device is nobody until it says whose it is
        coalesce(events.user_id, case when events.distinct_id not like '$device:%' then events.distinct_id end) as external_id
    from {{ ref('stg_mixpanel__events') }} as events
    where events.distinct_id is not null and {{ is_pending('events') }}

),

conversations as (

    select
        conversations.source,
        conversations.instance,
        landed.interaction_key as record_key,
        {{ customer_key('conversations') }} as entity_key,
        conversations.customer_email as email
    from {{ ref('landed_interactions') }} as landed
    inner join {{ ref('stg_files__conversations') }} as conversations
        on
            landed.source = conversations.source
            and landed.instance = conversations.instance
            and landed.interaction_id = conversations.interaction_id
    where conversations.customer_email is not null

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

companies as (

    select
        companies.*,
        {{ entity_key('companies.company_id', 'companies.source', 'companies.instance') }} as entity_key
    from changed
    inner join {{ ref('stg_hubspot__companies') }} as companies
        on
            changed.source = companies.source
            and changed.instance = companies.instance
            and changed.record_id = companies.company_id
    where changed.record_type = 'company' and not companies.is_archived

),

stated as (

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
                'external_id' as rule,
                trim(contacts.external_id) as value
            union all
            select
                'email' as rule,
                lower(trim(addresses.address)) as value
            from unnest(string_to_array(concat_ws(';', contacts.email, contacts.additional_emails), ';')) as addresses (address)
        ) as claims

    union all

    -- what one event has said of a user stays said: each claim is a record of its own
    select
        'customer' as entity_type,
        case when claims.rule = 'self' then events.entity_key else md5(events.entity_key || claims.rule || claims.value) end
            as record_key,
        events.entity_key,
        null as account_key,
        events.source,
        events.instance,
        claims.rule,
        claims.value
    from events
    cross join
        lateral (
            values ('self', events.entity_key), ('email', lower(trim(events.email))), ('external_id', trim(events.external_id))
        ) as claims (rule, value)

    union all

    select
        'customer' as entity_type,
        conversations.record_key,
        conversations.entity_key,
        null as account_key,
        conversations.source,
        conversations.instance,
        claims.rule,
        claims.value
    from conversations
    cross join
        lateral (
            values ('self', conversations.entity_key), ('email', lower(trim(conversations.email)))
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
                companies.company_id as value
            union all
            select
                'domain' as rule,
                {{ domain_of('names.name') }} as value
            from unnest(string_to_array(concat_ws(';', companies.domain, companies.additional_domains), ';')) as names (name)
        ) as claims

),

final as (

    select
        stated.entity_type,
        stated.record_key,
        stated.entity_key,
        stated.rule,
        case
            when stated.rule = 'self' then stated.value
            else encode(sha256(convert_to(stated.value, 'UTF8')), 'hex')
        end as value_hash,
        stated.source,
        stated.instance,
        max(stated.account_key) as account_key
    from stated
    left join freemail
        on
            stated.rule = 'domain'
            and stated.value = freemail.domain
    where
        stated.value <> ''
        and (stated.rule <> 'email' or stated.value like '%_@_%')
        -- millions of people who do not know each other share the domain of their mail provider
        and freemail.domain is null
    group by
        stated.entity_type, stated.record_key, stated.entity_key, stated.rule, stated.value, stated.source, stated.instance

)

select * from final
