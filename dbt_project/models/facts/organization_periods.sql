{{
    config(
        unique_key=['account_key', 'valid_from'],
        scope='affected_organizations',
        scope_columns=['account_key'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per organization and period in which neither what its system of record states of it changed, nor its plan or health, nor a
-- renewal was won, with what its revenue did at the beginning of the period. An ARR holds until another one is stated; after a churn it
-- is 0
with

records as (

    select
        affected.account_key,
        accounts.account_key as record_key,
        accounts.source,
        accounts.instance,
        accounts.is_in_crm,
        accounts.is_archived,
        accounts.created_at
    from {{ ref('affected_organizations') }} as affected
    inner join {{ ref('accounts') }} as accounts on affected.account_key = accounts.organization_key

),

history as (

    select
        records.*,
        history.tier,
        history.segment,
        history.plan,
        history.health_score,
        history.owner_id,
        history.renewal_month,
        history.lifecycle,
        case when history.lifecycle = 'churned' then 0 else history.arr end as arr,
        history.valid_from,
        history.valid_to
    from records
    inner join {{ ref('account_history') }} as history on records.record_key = history.account_key

),

stated as (

    select
        account_key,
        record_key,
        is_archived,
        is_in_crm,
        created_at,
        bool_or(arr is not null) as has_arr,
        bool_or(plan is not null) as has_plan,
        bool_or(health_score is not null) as has_health
    from history
    group by account_key, record_key, is_archived, is_in_crm, created_at

),

ranked as (

    select
        *,
        row_number() over (
            partition by account_key
            order by is_archived asc, has_arr desc, is_in_crm desc, created_at asc nulls last, record_key asc
        ) as place
    from stated

),

-- several systems may know a company: the revenue is what one of them states, never a sum. So is the plan, and so is the health, of the
-- first that states any: scales of two systems do not mix
chosen as (

    select
        account_key,
        record_key,
        place = 1 as is_of_record,
        coalesce(place = min(place) filter (where has_plan) over (partition by account_key), false) as is_of_plan,
        coalesce(place = min(place) filter (where has_health) over (partition by account_key), false) as is_of_health
    from ranked

),

standing as (

    select
        history.*,
        chosen.is_of_record,
        (chosen.is_of_plan and history.plan is distinct from (lag(history.plan) over by_record)) as is_plan_statement,
        (
            chosen.is_of_health and history.health_score is distinct from (lag(history.health_score) over by_record)
        ) as is_health_statement
    from chosen
    inner join history on chosen.account_key = history.account_key and chosen.record_key = history.record_key
    where chosen.is_of_record or chosen.is_of_plan or chosen.is_of_health
    window by_record as (partition by history.account_key, history.record_key order by history.valid_from)

),

renewals as (

    select
        records.account_key,
        deals.close_date as renewed_on,
        deals.close_date::timestamp at time zone 'UTC' as renewed_at
    from records
    inner join {{ ref('deals') }} as deals on records.record_key = deals.account_key
    where deals.deal_kind = 'renewal' and deals.outcome = 'won' and not deals.is_archived and deals.close_date is not null

),

moments as (

    select
        account_key,
        record_key,
        tier,
        segment,
        case when is_plan_statement then plan end as plan,
        case when is_health_statement then health_score end as health_score,
        owner_id,
        source,
        instance,
        renewal_month,
        lifecycle,
        arr,
        true as is_statement,
        is_plan_statement,
        is_health_statement,
        null::date as renewed_on,
        valid_from
    from standing
    where is_of_record

    union all

    select
        account_key,
        null as record_key,
        null as tier,
        null as segment,
        case when is_plan_statement then plan end as plan,
        case when is_health_statement then health_score end as health_score,
        null as owner_id,
        null as source,
        null as instance,
        null as renewal_month,
        null as lifecycle,
        null as arr,
        false as is_statement,
        is_plan_statement,
        is_health_statement,
        null::date as renewed_on,
        valid_from
    from standing
    where not is_of_record and (is_plan_statement or is_health_statement)

    union all

    select
        renewals.account_key,
        null as record_key,
        null as tier,
        null as segment,
        null as plan,
        null as health_score,
        null as owner_id,
        null as source,
        null as instance,
        null as renewal_month,
        null as lifecycle,
        null as arr,
        false as is_statement,
        false as is_plan_statement,
        false as is_health_statement,
        renewals.renewed_on,
        renewals.renewed_at as valid_from
    from renewals

),

-- at most one statement begins at a moment; a renewal that is won then belongs to it
merged as (

    select
        account_key,
        valid_from,
        max(record_key) as record_key,
        max(tier) as tier,
        max(segment) as segment,
        max(plan) as plan,
        max(health_score) as health_score,
        max(owner_id) as owner_id,
        max(source) as source,
        max(instance) as instance,
        max(renewal_month) as renewal_month,
        max(lifecycle) as lifecycle,
        max(arr) as arr,
        bool_or(is_statement) as is_statement,
        bool_or(is_plan_statement) as is_plan_statement,
        bool_or(is_health_statement) as is_health_statement,
        max(renewed_on) as renewed_on
    from moments
    group by account_key, valid_from

),

numbered as (

    select
        *,
        count(*) filter (where is_statement) over by_time as statement_number,
        count(arr) over by_time as arr_number,
        count(*) filter (where is_plan_statement) over by_time as plan_number,
        count(*) filter (where is_health_statement) over by_time as health_number,
        max(renewed_on) over by_time as last_renewed_on
    from merged
    window by_time as (partition by account_key order by valid_from)

),

carried as (

    select
        account_key,
        valid_from,
        renewed_on,
        last_renewed_on,
        statement_number,
        first_value(record_key) over of_statement as record_key,
        first_value(tier) over of_statement as tier,
        first_value(segment) over of_statement as segment,
        first_value(owner_id) over of_statement as owner_id,
        first_value(source) over of_statement as source,
        first_value(instance) over of_statement as instance,
        first_value(renewal_month) over of_statement as renewal_month,
        first_value(lifecycle) over of_statement as lifecycle,
        first_value(arr) over (partition by account_key, arr_number order by valid_from) as arr,
        first_value(plan) over (partition by account_key, plan_number order by valid_from) as plan,
        first_value(health_score) over (partition by account_key, health_number order by valid_from) as health_score
    from numbered
    window of_statement as (partition by account_key, statement_number order by valid_from)

),

stepped as (

    select
        *,
        row_number() over by_time = 1 as is_first,
        coalesce(lag(arr) over by_time, 0) as arr_before,
        lag(arr) over by_time is null as is_arr_before_unknown,
        lag(lifecycle) over by_time as lifecycle_before,
        lead(valid_from) over by_time as valid_to
    from carried
    -- what is older than all that the system of record states belongs to no period
    where statement_number > 0
    window by_time as (partition by account_key order by valid_from)

),

moved as (

    select
        *,
        -- an ARR that becomes known later was there before: nothing has moved
        case when arr_before = 0 and arr > 0 and (is_first or not is_arr_before_unknown) then arr else 0 end as new_arr,
        case when arr_before > 0 and arr > arr_before then arr - arr_before else 0 end as expansion_arr,
        case when arr > 0 and arr < arr_before then arr_before - arr else 0 end as contraction_arr,
        case when arr_before > 0 and arr = 0 then arr_before else 0 end as churned_arr
    from stepped

),

final as (

    select
        account_key,
        record_key,
        tier,
        segment,
        plan,
        health_score,
        {{ entity_key('owner_id') }} as owner_key,
        lifecycle,
        renewal_month,
        arr,
        new_arr,
        expansion_arr,
        contraction_arr,
        churned_arr,
        (churned_arr > 0 or (lifecycle = 'churned' and lifecycle_before <> 'churned')) as is_churn,
        (renewed_on is not null) as is_renewal,
        last_renewed_on,
        max(valid_from) filter (where expansion_arr > 0) over (partition by account_key order by valid_from) as last_expanded_at,
        -- the months in which the period began, and at whose end it held last
        {{ month_number("valid_from at time zone 'UTC'") }} as from_month,
        {{ month_number("valid_to at time zone 'UTC'") }} - 1 as to_month,
        valid_from,
        valid_to,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from moved

)

select * from final
