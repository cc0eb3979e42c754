{{
    config(
        unique_key=['account_key', 'month_start'],
        scope='affected_account_months',
        scope_columns=['account_key', 'month_start'],
        indexes=[{'columns': ['month_start', 'segment']}, {'columns': ['_ledger_id']}],
        post_hook='create index if not exists fct_account_months_with_open_gaps on {{ this }} (account_key, month_start) where open_gap_count > 0'
    )
}}
-- one row per organization and month since it began: its revenue and what that did in the month, where it stood at the month's beginning,
-- how it used the product, and what it met of the support
with

accounts as (

    select
        affected.account_key,
        affected.first_month,
        affected.last_month,
        affected.account_number,
        organizations.tier,
        organizations.segment,
        organizations.industry,
        organizations.country,
        organizations.has_renewal_deals,
        organizations.began_on,
        {{ month_number('organizations.began_on') }} as began_month
    from {{ ref('affected_accounts') }} as affected
    inner join {{ ref('organizations') }} as organizations on affected.account_key = organizations.account_key

),

movements as (

    select
        accounts.account_number,
        periods.from_month as month_number,
        sum(periods.new_arr) as new_arr,
        sum(periods.expansion_arr) as expansion_arr,
        sum(periods.contraction_arr) as contraction_arr,
        sum(periods.churned_arr) as churned_arr,
        bool_or(periods.is_churn) as has_churned,
        bool_or(periods.is_renewal) as has_renewed
    from accounts
    inner join {{ ref('organization_periods') }} as periods
        on
            accounts.account_key = periods.account_key
            and periods.from_month between accounts.first_month and accounts.last_month
    group by accounts.account_number, periods.from_month

),

contacts as (

    select
        affected.account_number,
        {{ month_number('contexts.interaction_date') }} as month_number,
        contexts.interaction_key,
        contexts.quality,
        contexts.business_weight,
        contexts.is_low_quality
    from {{ ref('affected_accounts') }} as affected
    inner join {{ ref('fct_interaction_business_context') }} as contexts
        on
            affected.account_key = contexts.account_key
            and affected.begins_on <= contexts.interaction_date
            and affected.ends_on > contexts.interaction_date
    where affected.has_old_months

    union all

    select
        affected.account_number,
        {{ month_number('contexts.interaction_date') }} as month_number,
        contexts.interaction_key,
        contexts.quality,
        contexts.business_weight,
        contexts.is_low_quality
    from {{ ref('affected_accounts') }} as affected
    inner join {{ ref('fct_interaction_business_context') }} as contexts
        on
            affected.account_key = contexts.account_key
            and affected.begins_on <= contexts.interaction_date
            and affected.ends_on > contexts.interaction_date
    where not affected.has_old_months and contexts.interaction_date >= {{ month_of_number(last_month_number()) }}

),

support as (

    select
        contacts.account_number,
        contacts.month_number,
        count(*)::int as interaction_count,
        (count(*) filter (where interactions.ai_message_count > 0))::int as ai_interaction_count,
        round(avg(contacts.quality), 6) as mean_quality,
        count(contacts.quality)::int as quality_n,
        round(
            sum(contacts.business_weight * contacts.quality)
            / sum(contacts.business_weight) filter (where contacts.quality is not null), 6
        ) as weighted_quality,
        (count(*) filter (where contacts.is_low_quality))::int as low_quality_count,
        round(avg(interactions.mean_polarity::numeric), 6) as mean_polarity,
        count(interactions.mean_polarity)::int as polarity_n,
        (count(*) filter (where interactions.is_rated_positive))::int as rating_positive_count,
        count(interactions.is_rated_positive)::int as rating_n
    from contacts
    inner join {{ ref('fct_interactions') }} as interactions on contacts.interaction_key = interactions.interaction_key
    group by contacts.account_number, contacts.month_number

),

issues as (

    select
        contacts.account_number,
        contacts.month_number,
        (count(*) filter (where episodes.contact_number = 1))::int as issue_count,
        (count(*) filter (where episodes.contact_number > 1))::int as repeat_contact_count
    from contacts
    inner join {{ ref('issue_episodes') }} as episodes on contacts.interaction_key = episodes.interaction_key
    group by contacts.account_number, contacts.month_number

),

automated as (

    select
        contacts.account_number,
        contacts.month_number,
        round(avg(effort.automated_effort_score::numeric), 6) as mean_effort,
        count(effort.automated_effort_score)::int as effort_n,
        (count(*) filter (where outcomes.is_escalated))::int as escalation_count
    from contacts
    inner join {{ ref('outcomes') }} as outcomes on contacts.interaction_key = outcomes.interaction_key
    left join {{ ref('effort') }} as effort
        on
            outcomes.interaction_key = effort.interaction_key
            and outcomes.episode_number = effort.episode_number
    group by contacts.account_number, contacts.month_number

),

-- as accounts, people have a number
uses as (

    select
        affected.account_number,
        hashtextextended(customers.person_key, 0) as person_number,
        {{ utc_date('events.occurred_at') }} as used_on
    from {{ ref('affected_accounts') }} as affected
    inner join {{ ref('customers') }} as customers on affected.account_key = customers.organization_key
    inner join {{ ref('product_events') }} as events
        on
            customers.customer_key = events.customer_key
            and affected.begins_at <= events.occurred_at
            and affected.ends_at > events.occurred_at
    where affected.has_old_months

    union all

    select
        affected.account_number,
        hashtextextended(customers.person_key, 0) as person_number,
        {{ utc_date('events.occurred_at') }} as used_on
    from {{ ref('affected_accounts') }} as affected
    inner join {{ ref('customers') }} as customers on affected.account_key = customers.organization_key
    inner join {{ ref('product_events') }} as events
        on
            customers.customer_key = events.customer_key
            and affected.begins_at <= events.occurred_at
            and affected.ends_at > events.occurred_at
    where
        not affected.has_old_months
        and events.occurred_at >= {{ month_of_number(last_month_number()) }}::timestamp at time zone 'UTC'

),

-- a person's day in the product once, however much they did
days as (

    select
        account_number,
        person_number,
        used_on,
        count(*) as event_count
    from uses
    group by account_number, person_number, used_on

),

adoption as (

    select
        account_number,
        {{ month_number('used_on') }} as month_number,
        count(distinct person_number)::int as active_customer_count,
        sum(event_count)::int as product_event_count,
        count(distinct used_on)::int as active_day_count
    from days
    group by account_number, {{ month_number('used_on') }}

),

-- what holds at the end of one month holds at the beginning of the next
joined as (

    select
        affected.account_key,
        affected.month_number,
        affected.month_start,
        accounts.account_number,
        accounts.began_on,
        accounts.industry,
        accounts.country,
        accounts.has_renewal_deals,
        affected.month_number - accounts.began_month as tenure_months,
        coalesce(ends.tier, accounts.tier) as tier,
        coalesce(ends.segment, accounts.segment) as segment,
        -- what was not stated by the end of the month is not known of it
        ends.plan,
        ends.health_score,
        ends.owner_key,
        ends.arr as arr_end,
        (starts.account_key is not null) as has_begun_before,
        starts.arr as arr_before,
        coalesce(starts.lifecycle = 'churned', false) as is_churned_start,
        coalesce(starts.renewal_month, ends.renewal_month) as renewal_month,
        starts.last_renewed_on
    from {{ ref('affected_account_months') }} as affected
    inner join accounts on affected.account_key = accounts.account_key
    left join {{ ref('organization_periods') }} as ends
        on
            affected.account_key = ends.account_key
            and affected.month_number >= ends.from_month
            and (ends.to_month is null or affected.month_number <= ends.to_month)
    left join {{ ref('organization_periods') }} as starts
        on
            affected.account_key = starts.account_key
            and affected.month_number > starts.from_month
            and (starts.to_month is null or affected.month_number <= starts.to_month + 1)
    where affected.month_number >= accounts.began_month

),

timed as (

    select
        joined.*,
        case
            when joined.has_begun_before then joined.arr_before
            -- all that there is at the end came in the month
            when
                joined.arr_end = coalesce(
                    movements.new_arr + movements.expansion_arr - movements.contraction_arr - movements.churned_arr, 0
                )
                then 0
        end as arr_start,
        coalesce(movements.new_arr, 0) as new_arr,
        coalesce(movements.expansion_arr, 0) as expansion_arr,
        coalesce(movements.contraction_arr, 0) as contraction_arr,
        coalesce(movements.churned_arr, 0) as churned_arr,
        coalesce(movements.has_churned, false) as has_churned,
        coalesce(movements.has_renewed, false) as has_renewal_deal,
        case
            when not joined.is_churned_start
                then
                    {{ days_to_renewal(
                        'joined.month_start', 'joined.renewal_month', 'joined.began_on', 'joined.last_renewed_on'
                    ) }}
        end as days_to_renewal,
        (joined.tenure_months > 0 and not joined.is_churned_start) as is_customer_start,
        ((joined.month_start + interval '1 month') at time zone 'UTC' <= {{ as_of() }}) as is_complete
    from joined
    left join movements
        on
            joined.account_number = movements.account_number
            and joined.month_number = movements.month_number

),

final as (

    select
        timed.account_key,
        timed.segment,
        timed.tier,
        timed.industry,
        timed.country,
        timed.plan,
        {{ lifecycle_stage('timed.is_churned_start', 'timed.month_start', 'timed.began_on', 'timed.days_to_renewal') }} as lifecycle_stage,
        timed.owner_key,
        timed.tenure_months,
        timed.days_to_renewal,
        timed.arr_start,
        timed.arr_end,
        timed.new_arr,
        timed.expansion_arr,
        timed.contraction_arr,
        timed.churned_arr,
        timed.health_score,
        coalesce(adoption.active_customer_count, 0) as active_customer_count,
        coalesce(adoption.product_event_count, 0) as product_event_count,
        coalesce(adoption.active_day_count, 0) as active_day_count,
        coalesce(support.interaction_count, 0) as interaction_count,
        coalesce(support.ai_interaction_count, 0) as ai_interaction_count,
        coalesce(issues.issue_count, 0) as issue_count,
        coalesce(issues.repeat_contact_count, 0) as repeat_contact_count,
        coalesce(support.quality_n, 0) as quality_n,
        support.mean_quality,
        support.weighted_quality,
        coalesce(support.low_quality_count, 0) as low_quality_count,
        coalesce(support.polarity_n, 0) as polarity_n,
        support.mean_polarity,
        coalesce(automated.effort_n, 0) as effort_n,
        automated.mean_effort,
        coalesce(support.rating_n, 0) as rating_n,
        coalesce(support.rating_positive_count, 0) as rating_positive_count,
        coalesce(automated.escalation_count, 0) as escalation_count,
        coalesce(gaps.open_gap_count, 0) as open_gap_count,
        timed.is_complete,
        case when timed.is_customer_start then not timed.has_churned end as is_retained,
        (timed.expansion_arr > 0) as has_expanded,
        (timed.contraction_arr > 0) as has_contracted,
        timed.has_churned,
        -- without deals of renewals: whether a paying account stayed through its renewal month, once that is over
        case
            when timed.has_renewal_deals then timed.has_renewal_deal
            when timed.renewal_month is null then null
            when not timed.is_customer_start or timed.arr_start = 0 or coalesce(timed.days_to_renewal >= 31, true) then false
            when timed.is_complete then not timed.has_churned
        end as has_renewed,
        timed.month_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from timed
    left join adoption
        on
            timed.account_number = adoption.account_number
            and timed.month_number = adoption.month_number
    left join support
        on
            timed.account_number = support.account_number
            and timed.month_number = support.month_number
    left join issues
        on
            timed.account_number = issues.account_number
            and timed.month_number = issues.month_number
    left join automated
        on
            timed.account_number = automated.account_number
            and timed.month_number = automated.month_number
    left join {{ ref('account_open_gaps') }} as gaps
        on
            timed.account_key = gaps.account_key
            and timed.month_number = gaps.month_number

)

select * from final
