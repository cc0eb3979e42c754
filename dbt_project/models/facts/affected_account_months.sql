{{ config(materialized='table', indexes=[{'columns': ['account_key', 'month_start'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per organization and month that this run works out again: the months of one whose revenue changed from then on, the month of
-- an interaction or an event of the product that came, changed or left, months that began or ended since the marts were last built, and
-- those at whose end another number of knowledge gaps was open
{%- set built = built_before(
    'marts_build', 'fct_account_months', {'account_key': 'text', 'month_start': 'date', 'open_gap_count': 'int'}
) %}
with

last_build as (

    select
        coalesce(max(run_id), 0) as run_id,
        max(as_of) as as_of
    from {{ source('ops', 'watermarks') }}
    where step = 'marts'

),

present as (

    select {{ month_number("(" ~ as_of() ~ " - interval '1 microsecond') at time zone 'UTC'") }} as last_month

),

organizations as (

    select * from {{ ref('organizations') }}
    where began_on is not null

),

changed as (

    select
        organizations.account_key,
        0 as first_month
    from organizations
    inner join last_build on organizations._ledger_id > last_build.run_id

    union all

    -- the period before one that is new ended then, and changed with it
    select
        periods.account_key,
        periods.from_month as first_month
    from {{ ref('organization_periods') }} as periods
    inner join last_build on periods._ledger_id > last_build.run_id

    union all

    -- an organization that there is no more
    select
        affected.account_key,
        0 as first_month
    from {{ ref('affected_organizations') }} as affected
    left join organizations on affected.account_key = organizations.account_key
    where organizations.account_key is null

    union all

    -- where nothing has been built
    select
        organizations.account_key,
        0 as first_month
    from organizations
    inner join last_build on last_build.run_id = 0

),

-- the first month that may be another one now; 0 for all of them
whole as (

    select
        account_key,
        min(first_month) as first_month
    from changed
    group by account_key

),

months_of_whole as (

    select
        organizations.account_key,
        months.month_number
    from whole
    inner join organizations on whole.account_key = organizations.account_key
    cross join present
    cross join
        lateral generate_series(
            greatest({{ month_number('organizations.began_on') }}, whole.first_month), present.last_month
        ) as months (month_number)

    union all

    -- months that were before the organization is known to have begun, or of one that there is no more
    select
        built.account_key,
        {{ month_number('built.month_start') }} as month_number
    from whole
    left join organizations on whole.account_key = organizations.account_key
    -- of each by its key: however many the planner takes them for, they are few where much is built
    cross join
        lateral (
            select
                months.account_key,
                months.month_start
            from {{ built }} as months
            where
                months.account_key = whole.account_key
                and months.month_start < coalesce(date_trunc('month', organizations.began_on)::date, 'infinity')
            order by months.month_start
            offset 0
        ) as built
    where whole.first_month = 0

),

-- the month of the ledger day begins with its first day and ends with its last
due as (

    select months.month_number
    from last_build
    cross join present
    cross join
        lateral generate_series(
            {{ month_number("(last_build.as_of - interval '1 microsecond') at time zone 'UTC'") }}, present.last_month
        ) as months (month_number)
    cross join
        lateral (
            select
                {{ month_of_number('months.month_number') }}::timestamp at time zone 'UTC' as begins_at,
                {{ month_of_number('(months.month_number + 1)') }}::timestamp at time zone 'UTC' as ends_at
        ) as bounds
    where
        bounds.begins_at >= last_build.as_of
        or (bounds.ends_at > last_build.as_of and bounds.ends_at <= {{ as_of() }})

),

contacts as (

    select
        interactions.organization_key as account_key,
        interactions.interaction_date
    from {{ ref('affected_interactions') }} as affected
    inner join {{ ref('interactions') }} as interactions on affected.interaction_key = interactions.interaction_key
    inner join last_build on last_build.run_id > 0

    union

    select
        organization_key as account_key,
        interaction_date
    from {{ ref('int_organizations__before') }}
    where entity_type = 'interaction'

),

new_loads as (

    select loads.load_id
    from {{ ref('stg_ops__loads') }} as loads
    inner join last_build on last_build.run_id > 0 and loads.registered_run_id > last_build.run_id

),

-- what landed of product analytics, late or not, and what its vendor no longer states
landed as (

    select
        customer_key,
        {{ utc_date('occurred_at') }} as used_on
    from {{ ref('int_sources__product_events') }}
    where
        _load_id >= (select min(load_id) from new_loads)
        and _load_id in (select load_id from new_loads)
        and occurred_at is not null

    union

    select
        customer_key,
        {{ utc_date('occurred_at') }} as used_on
    from {{ ref('int_sources__replaced_product_events') }}
    where
        _replaced_by_load_id >= (select min(load_id) from new_loads)
        and _replaced_by_load_id in (select load_id from new_loads)
        and occurred_at is not null

),

-- customers whose organization or person is another one take what they did in the product with them
moved as (

    select
        before.entity_key as customer_key,
        before.organization_key as previous_account_key,
        customers.organization_key as account_key
    from {{ ref('int_organizations__before') }} as before
    left join {{ ref('customers') }} as customers on before.entity_key = customers.customer_key
    inner join last_build on last_build.run_id > 0
    where
        before.entity_type = 'customer'
        and (before.organization_key, before.person_key) is distinct from (customers.organization_key, customers.person_key)

),

used as (

    select
        customers.organization_key as account_key,
        landed.used_on
    from landed
    inner join {{ ref('customers') }} as customers on landed.customer_key = customers.customer_key

    union

    select
        sides.account_key,
        {{ utc_date('events.occurred_at') }} as used_on
    from moved
    inner join {{ ref('product_events') }} as events on moved.customer_key = events.customer_key
    cross join lateral (values (moved.previous_account_key), (moved.account_key)) as sides (account_key)

),

other_gaps as (

    select
        coalesce(gaps.account_key, built.account_key) as account_key,
        coalesce(gaps.month_number, built.month_number) as month_number
    from {{ ref('account_open_gaps') }} as gaps
    full join (
        select
            account_key,
            {{ month_number('month_start') }} as month_number,
            open_gap_count
        from {{ built }}
        where open_gap_count > 0
    ) as built
        on
            gaps.account_key = built.account_key
            and gaps.month_number = built.month_number
    where gaps.open_gap_count is distinct from built.open_gap_count

),

others as (

    select
        organizations.account_key,
        due.month_number
    from organizations
    cross join due

    union

    select
        account_key,
        {{ month_number('interaction_date') }} as month_number
    from contacts

    union

    select
        account_key,
        {{ month_number('used_on') }} as month_number
    from used

    union

    select
        account_key,
        month_number
    from other_gaps

),

pairs as (

    select
        account_key,
        month_number
    from months_of_whole

    union all

    select
        others.account_key,
        others.month_number
    from others
    left join whole on others.account_key = whole.account_key
    where others.month_number < coalesce(whole.first_month, others.month_number + 1)

),

final as (

    select
        pairs.account_key,
        pairs.month_number,
        {{ month_of_number('pairs.month_number') }} as month_start
    from pairs
    cross join present
    where pairs.account_key is not null and pairs.month_number <= present.last_month

)

select * from final
