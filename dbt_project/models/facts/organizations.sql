{{
    config(
        unique_key='account_key',
        scope='affected_organizations',
        scope_columns=['account_key'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per organization: the accounts of all systems that are the same company, since when it is known and what is known of it apart
-- from its revenue
with

affected as (

    select * from {{ ref('affected_organizations') }}

),

periods as (

    select
        periods.account_key,
        max(periods.record_key) as record_key,
        min(periods.valid_from) as first_valid_from
    from affected
    inner join {{ ref('organization_periods') }} as periods on affected.account_key = periods.account_key
    group by periods.account_key

),

contacts as (

    select
        interactions.organization_key as account_key,
        min(interactions.interaction_date) as first_contact_on
    from {{ ref('fct_interactions') }} as interactions
    where
        interactions.organization_key in (select affected.account_key from affected)
        and {{ is_contact('interactions') }}
    group by interactions.organization_key

),

-- what the system of record does not state, another one may
accounts as (

    select
        affected.account_key,
        {%- for attribute in ['tier', 'segment', 'industry', 'country'] %}
            (
                array_agg(accounts.{{ attribute }} order by is_of_record desc, accounts.is_in_crm desc, accounts.account_key asc)
                filter (where accounts.{{ attribute }} is not null)
            )[1] as {{ attribute }},
        {%- endfor %}
        min(accounts.created_at) as created_at
    from affected
    inner join {{ ref('accounts') }} as accounts on affected.account_key = accounts.organization_key
    left join periods on affected.account_key = periods.account_key
    cross join lateral (select coalesce(accounts.account_key = periods.record_key, false) as is_of_record) as of_record
    group by affected.account_key

),

deals as (

    select distinct accounts.organization_key as account_key
    from affected
    inner join {{ ref('accounts') }} as accounts on affected.account_key = accounts.organization_key
    inner join {{ ref('deals') }} as deals on accounts.account_key = deals.account_key
    where deals.deal_kind = 'renewal' and not deals.is_archived

),

final as (

    select
        accounts.account_key,
        periods.record_key,
        accounts.tier,
        accounts.segment,
        accounts.industry,
        accounts.country,
        periods.first_valid_from,
        (deals.account_key is not null) as has_renewal_deals,
        least(
            {{ utc_date('accounts.created_at') }}, {{ utc_date('periods.first_valid_from') }}, contacts.first_contact_on
        ) as began_on,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from accounts
    left join periods on accounts.account_key = periods.account_key
    left join contacts on accounts.account_key = contacts.account_key
    left join deals on accounts.account_key = deals.account_key

)

select * from final
