{{ config(unique_key=['account_key', 'valid_from'], scope='int_entities__affected', scope_columns=['account_key']) }}
-- one row per account and period in which nothing that is known of it changed: from what its system has stated over time, and from
-- the deals that were won. What was observed first stands for the time before it; those periods are marked as assumed.
with

affected as (

    select account_key
    from {{ ref('int_entities__affected') }}
    where account_key is not null

),

companies as (

    select
        {{ entity_key('companies.company_id', 'companies.source', 'companies.instance') }} as account_key,
        companies.tier,
        companies.segment,
        companies.owner_id,
        companies.arr,
        companies.renewal_month::int as renewal_month,
        companies.churned_on,
        companies.created_at,
        companies.updated_at as observed_at,
        companies._load_id
    from {{ ref('stg_hubspot__companies') }} as companies

),

organizations as (

    select
        {{ entity_key('organizations.organization_id', 'organizations.source', 'organizations.instance') }} as account_key,
        organizations.tier,
        organizations.segment,
        null::text as owner_id,
        null::numeric as arr,
        null::int as renewal_month,
        null::date as churned_on,
        organizations.created_at,
        organizations.updated_at as observed_at,
        organizations._load_id
    from {{ ref('stg_zendesk__organizations') }} as organizations

),

statements as (

    select distinct on (account_key, observed_at) *
    from (
        select * from companies
        union all
        select * from organizations
    ) as unioned
    where observed_at is not null and account_key in (select affected.account_key from affected)
    order by account_key asc, observed_at asc, _load_id desc

),

accounts as (

    select
        account_key,
        min(created_at) as created_at,
        min(observed_at) as first_observed_at,
        -- the date of a churn is a fact of the account, whenever it was written down
        (array_agg(churned_on order by observed_at desc))[1] as churned_on
    from statements
    group by account_key

),

wins as (

    select
        deals.account_key,
        deals.deal_kind,
        deals.arr_before,
        deals.arr_after,
        deals.close_date::timestamp at time zone 'UTC' as closed_at,
        deals.deal_key
    from affected
    inner join {{ ref('deals') }} as deals on affected.account_key = deals.account_key
    where deals.outcome = 'won' and not deals.is_archived and deals.close_date is not null

),

moments as (

    select
        account_key,
        least(created_at, first_observed_at) as changed_at
    from accounts

    union

    select
        account_key,
        observed_at as changed_at
    from statements

    union

    select
        wins.account_key,
        wins.closed_at as changed_at
    from wins
    inner join accounts
        on
            wins.account_key = accounts.account_key
            and wins.closed_at > least(accounts.created_at, accounts.first_observed_at)

    union

    select
        account_key,
        churned_on::timestamp at time zone 'UTC' as changed_at
    from accounts
    where churned_on is not null

),

described as (

    select
        moments.account_key,
        moments.changed_at,
        coalesce(present.tier, earliest.tier) as tier,
        coalesce(present.segment, earliest.segment) as segment,
        coalesce(present.owner_id, earliest.owner_id) as owner_id,
        coalesce(present.renewal_month, earliest.renewal_month) as renewal_month,
        -- the newer of the two: what the CRM stated, or what the last deal came to
        case
            when
                moments.changed_at >= accounts.churned_on::timestamp at time zone 'UTC'
                and coalesce(present.observed_at, '-infinity') < accounts.churned_on::timestamp at time zone 'UTC'
                then 0
            when last_wins.closed_at > coalesce(present.observed_at, '-infinity') then last_wins.arr_after
            when present.observed_at is not null then present.arr
            when next_wins.closed_at is not null then next_wins.arr_before
            else earliest.arr
        end as arr,
        case
            when moments.changed_at >= accounts.churned_on::timestamp at time zone 'UTC' then 'churned'
            else 'customer'
        end as lifecycle,
        moments.changed_at < accounts.first_observed_at as is_assumed
    from moments
    inner join accounts on moments.account_key = accounts.account_key
    left join
        lateral (
            select statements.* from statements
            where statements.account_key = moments.account_key and statements.observed_at <= moments.changed_at
            order by statements.observed_at desc
            limit 1
        ) as present
        on true
    left join
        lateral (
            select statements.* from statements
            where statements.account_key = moments.account_key
            order by statements.observed_at
            limit 1
        ) as earliest
        on present.account_key is null
    left join
        lateral (
            select wins.* from wins
            where wins.account_key = moments.account_key and wins.closed_at <= moments.changed_at
            order by wins.closed_at desc, wins.deal_key desc
            limit 1
        ) as last_wins
        on true
    left join
        lateral (
            select wins.* from wins
            where wins.account_key = moments.account_key and wins.closed_at > moments.changed_at
            order by wins.closed_at, wins.deal_key
            limit 1
        ) as next_wins
        on true

),

compared as (

    select
        *,
        lag(state) over (partition by account_key order by changed_at) as previous_state
    from (
        select
            *,
            jsonb_build_array(tier, segment, owner_id, renewal_month, arr, lifecycle, is_assumed) as state
        from described
    ) as stated

),

final as (

    select
        account_key,
        tier,
        segment,
        owner_id,
        lifecycle,
        arr,
        renewal_month,
        is_assumed,
        lead(changed_at) over (partition by account_key order by changed_at) is null as is_current,
        changed_at as valid_from,
        lead(changed_at) over (partition by account_key order by changed_at) as valid_to
    from compared
    where previous_state is distinct from state

)

select * from final
