{{ config(unique_key=['account_key', 'valid_from'], scope='int_entities__affected', scope_columns=['account_key']) }}
-- one row per account and period in which nothing that is known of it changed: from what its system has stated over time, and from
-- the deals that were won. What was observed first stands for the time before it; those periods are marked as assumed. A plan and a health
-- are known from the moment on at which they were stated, and not before.
with

affected as (

    select account_key
    from {{ ref('int_entities__affected') }}
    where account_key is not null

),

stated as (

    select * from {{ ref('int_sources__account_statements') }}

),

observations as (

    select distinct on (account_key, observed_at) *
    from stated
    where observed_at is not null
    order by account_key asc, observed_at asc, _load_id desc

),

observed_periods as (

    select
        *,
        row_number() over by_time = 1 as is_first,
        coalesce(lead(observed_at) over by_time, 'infinity') as observed_until
    from observations
    window by_time as (partition by account_key order by observed_at)

),

accounts as (

    select
        account_key,
        min(observed_at) as first_observed_at,
        least(min(created_at), min(observed_at)) as began_at
    from observations
    group by account_key

),

-- a churn is stated until it is withdrawn
churn_statements as (

    select
        account_key,
        observed_at,
        churned_on::timestamp at time zone 'UTC' as churned_at,
        lead(observed_at) over by_time as next_observed_at,
        lead(churned_on) over by_time as next_churned_on,
        count(*) filter (where churned_on is null) over by_time as withdrawals
    from observations
    window by_time as (partition by account_key order by observed_at)

),

stated_churns as (

    select
        *,
        min(observed_at) filter (where churned_at is not null) over (partition by account_key, withdrawals) as first_stated_at
    from churn_statements

),

-- the date of a churn is a fact of the account, whenever it was written down, and of several dates the one that is stated last holds.
-- An account that came back had left all the same; what was withdrawn soon after it was stated was an error
churns as (

    select
        account_key,
        churned_at,
        coalesce(next_observed_at, 'infinity') as returned_at
    from stated_churns
    where
        churned_at is not null
        and next_churned_on is null
        and (
            next_observed_at is null
            or next_observed_at >= greatest(churned_at, first_stated_at) + interval '{{ var("churn_correction_days") }} days'
        )

),

wins as (

    select
        deals.account_key,
        deals.arr_before,
        deals.arr_after,
        deals.close_date::timestamp at time zone 'UTC' as won_at,
        coalesce(
            lag(deals.close_date::timestamp at time zone 'UTC') over by_time, '-infinity'
        ) as previous_won_at,
        coalesce(lead(deals.close_date::timestamp at time zone 'UTC') over by_time, 'infinity') as next_won_at
    from affected
    inner join {{ ref('deals') }} as deals on affected.account_key = deals.account_key
    where deals.outcome = 'won' and not deals.is_archived and deals.close_date is not null
    window by_time as (partition by deals.account_key order by deals.close_date, deals.deal_key)

),

moments as (

    select
        account_key,
        began_at as changed_at
    from accounts

    union

    select
        account_key,
        observed_at as changed_at
    from observations

    union

    select
        wins.account_key,
        wins.won_at as changed_at
    from wins
    inner join accounts on wins.account_key = accounts.account_key
    where wins.won_at > accounts.began_at

    union

    select
        account_key,
        churned_at as changed_at
    from churns

),

described as (

    select
        moments.account_key,
        moments.changed_at,
        coalesce(present.tier, earliest.tier) as tier,
        coalesce(present.segment, earliest.segment) as segment,
        {{ label("nullif(btrim(present.plan), '')") }} as plan,
        {{ label("nullif(btrim(present.stated_health), '')") }} as stated_health,
        {{ health_score('present.stated_health') }} as health_score,
        coalesce(present.owner_id, earliest.owner_id) as owner_id,
        coalesce(present.renewal_month, earliest.renewal_month) as renewal_month,
        -- the newer of the two: what the CRM stated, or what the last deal came to
        case
            when coalesce(present.observed_at, '-infinity') < churns.churned_at then 0
            when last_wins.won_at > coalesce(present.observed_at, '-infinity') then last_wins.arr_after
            when present.observed_at is not null then present.arr
            when next_wins.won_at is not null then next_wins.arr_before
            else earliest.arr
        end as arr,
        case when churns.churned_at is not null then 'churned' else 'customer' end as lifecycle,
        moments.changed_at < accounts.first_observed_at as is_assumed
    from moments
    inner join accounts on moments.account_key = accounts.account_key
    left join observed_periods as present
        on
            moments.account_key = present.account_key
            and moments.changed_at >= present.observed_at
            and moments.changed_at < present.observed_until
    left join observed_periods as earliest
        on
            moments.account_key = earliest.account_key
            and earliest.is_first
            and present.account_key is null
    left join lateral (
        select max(of_account.churned_at) as churned_at
        from churns as of_account
        where
            moments.account_key = of_account.account_key
            and moments.changed_at >= of_account.churned_at
            and moments.changed_at < of_account.returned_at
    ) as churns on true
    left join wins as last_wins
        on
            moments.account_key = last_wins.account_key
            and moments.changed_at >= last_wins.won_at
            and moments.changed_at < last_wins.next_won_at
    left join wins as next_wins
        on
            moments.account_key = next_wins.account_key
            and moments.changed_at >= next_wins.previous_won_at
            and moments.changed_at < next_wins.won_at

),

compared as (

    select
        *,
        lag(state) over (partition by account_key order by changed_at) as previous_state
    from (
        select
            *,
            jsonb_build_array(
                tier, segment, plan, stated_health, health_score, owner_id, renewal_month, arr, lifecycle, is_assumed
            ) as state
        from described
    ) as with_state

),

final as (

    select
        account_key,
        tier,
        segment,
        plan,
        stated_health,
        health_score,
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
