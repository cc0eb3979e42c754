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

freemail as (

    select * from {{ ref('freemail_domains') }}

),

-- whom an interaction itself names: it says so as long as it stands
named as (

    select
        named.source,
        named.instance,
        {{ entity_key('named.interaction_id', 'named.source', 'named.instance') }} as record_key,
        {{ customer_key('named') }} as entity_key,
        named.customer_email as email
    from {{ ref('int_sources__named_customers') }} as named

),

stated as (

    select
        entity_type,
        record_key,
        entity_key,
        account_key,
        source,
        instance,
        rule,
        value
    from {{ ref('int_sources__claims') }}

    union all

    select
        'customer' as entity_type,
        named.record_key,
        named.entity_key,
        null as account_key,
        named.source,
        named.instance,
        claims.rule,
        claims.value
    from named
    cross join
        lateral (
            values ('self', named.entity_key), ('email', lower(trim(named.email)))
        ) as claims (rule, value)

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
