{{
    config(
        unique_key=['account_key', 'month_start'],
        scope='affected_account_months',
        scope_columns=['account_key', 'month_start'],
        indexes=[{'columns': ['month_start']}]
    )
}}
-- one row per organization and month since it began: its revenue and what that did in the month, where it stood at the month's beginning,
-- how it used the product, and what it met of the support. Months are counted as numbers: what holds at the end of one holds at the
-- beginning of the next
with

scope as (

    select
        affected.account_key,
        affected.month_number,
        affected.month_start,
        organizations.tier,
        organizations.segment,
        organizations.industry,
        organizations.country,
        organizations.has_renewal_deals,
        organizations.began_on,
        {{ month_number('organizations.began_on') }} as first_month
    from {{ ref('affected_account_months') }} as affected
    inner join {{ ref('organizations') }} as organizations on affected.account_key = organizations.account_key
    where
        affected.month_number >= {{ month_number('organizations.began_on') }}
        and affected.month_number <= {{ month_number("(" ~ as_of() ~ " - interval '1 microsecond') at time zone 'UTC'") }}

),

spans as (

    select
        account_key,
        min(month_number) as first_month,
        max(month_number) as last_month
    from scope
    group by account_key

),

periods as (

    select
        periods.*,
        spans.first_month,
        spans.last_month,
        {{ month_number("periods.valid_from at time zone 'UTC'") }} as from_month,
        {{ month_number("periods.valid_to at time zone 'UTC'") }} - 1 as to_month
    from spans
    inner join {{ ref('organization_periods') }} as periods on spans.account_key = periods.account_key

),

-- what held at the end of each month, from the one before the first that is asked for
ends as (

    select
        periods.account_key,
        months.month_number,
        periods.tier,
        periods.segment,
        periods.owner_key,
        periods.lifecycle,
        periods.renewal_month,
        periods.arr,
        periods.last_renewed_on
    from periods
    cross join
        lateral generate_series(
            greatest(periods.from_month, periods.first_month - 1), least(periods.to_month, periods.last_month)
        ) as months (month_number)

),

states as (

    select
        *,
        lag(month_number) over by_month is not null as has_begun_before,
        lag(arr) over by_month as arr_start,
        lag(lifecycle) over by_month as lifecycle_start,
        lag(renewal_month) over by_month as renewal_month_start,
        lag(last_renewed_on) over by_month as last_renewed_on_start
    from ends
    window by_month as (partition by account_key order by month_number)

),

movements as (

    select
        account_key,
        from_month as month_number,
        sum(new_arr) as new_arr,
        sum(expansion_arr) as expansion_arr,
        sum(contraction_arr) as contraction_arr,
        sum(churned_arr) as churned_arr,
        bool_or(is_churn) as has_churned,
        bool_or(is_renewal) as has_renewed
    from periods
    where from_month between first_month and last_month
    group by account_key, from_month

),

contacts as (

    select
        scope.account_key,
        scope.month_number,
        contexts.interaction_key,
        contexts.quality,
        contexts.business_weight,
        contexts.is_low_quality,
        interactions.mean_polarity::numeric as mean_polarity,
        interactions.is_rated_positive,
        (interactions.ai_message_count > 0) as has_ai_reply
    from scope
    inner join {{ ref('interaction_business_context') }} as contexts
        on
            scope.account_key = contexts.account_key
            and scope.month_start = contexts.month_start
    inner join {{ ref('fct_interactions') }} as interactions on contexts.interaction_key = interactions.interaction_key

),

support as (

    select
        account_key,
        month_number,
        count(*)::int as interaction_count,
        (count(*) filter (where has_ai_reply))::int as ai_interaction_count,
        avg(quality) as mean_quality,
        count(quality)::int as quality_n,
        sum(business_weight * quality) / sum(business_weight) filter (where quality is not null) as weighted_quality,
        (count(*) filter (where is_low_quality))::int as low_quality_count,
        avg(mean_polarity) as mean_polarity,
        count(mean_polarity)::int as polarity_n,
        (count(*) filter (where is_rated_positive))::int as rating_positive_count,
        count(is_rated_positive)::int as rating_n
    from contacts
    group by account_key, month_number

),

issues as (

    select
        contacts.account_key,
        contacts.month_number,
        (count(*) filter (where episodes.contact_number = 1))::int as issue_count,
        (count(*) filter (where episodes.contact_number > 1))::int as repeat_contact_count
    from contacts
    inner join {{ ref('issue_episodes') }} as episodes on contacts.interaction_key = episodes.interaction_key
    group by contacts.account_key, contacts.month_number

),

automated as (

    select
        contacts.account_key,
        contacts.month_number,
        avg(effort.automated_effort_score::numeric) as mean_effort,
        count(effort.automated_effort_score)::int as effort_n,
        (count(*) filter (where outcomes.is_escalated))::int as escalation_count
    from contacts
    inner join {{ ref('outcomes') }} as outcomes on contacts.interaction_key = outcomes.interaction_key
    left join {{ ref('effort') }} as effort
        on
            outcomes.interaction_key = effort.interaction_key
            and outcomes.episode_number = effort.episode_number
    group by contacts.account_key, contacts.month_number

),

-- a person's day in the product once, however much they did
days as (

    select
        scope.account_key,
        scope.month_number,
        customers.person_key,
        {{ utc_date('events.occurred_at') }} as used_on,
        count(*) as event_count
    from scope
    inner join {{ ref('customers') }} as customers on scope.account_key = customers.organization_key
    inner join {{ ref('product_events') }} as events
        on
            customers.customer_key = events.customer_key
            and scope.month_number = {{ month_number("events.occurred_at at time zone 'UTC'") }}
            and events.occurred_at >= scope.month_start::timestamp at time zone 'UTC'
            and events.occurred_at < (scope.month_start + interval '1 month') at time zone 'UTC'
    group by scope.account_key, scope.month_number, customers.person_key, {{ utc_date('events.occurred_at') }}

),

adoption as (

    select
        account_key,
        month_number,
        count(distinct person_key)::int as active_customer_count,
        sum(event_count)::int as product_event_count,
        count(distinct used_on)::int as active_day_count
    from days
    group by account_key, month_number

),

joined as (

    select
        scope.account_key,
        scope.month_number,
        scope.month_start,
        scope.began_on,
        scope.industry,
        scope.country,
        scope.first_month,
        scope.has_renewal_deals,
        coalesce(states.tier, scope.tier) as tier,
        coalesce(states.segment, scope.segment) as segment,
        states.owner_key,
        states.arr as arr_end,
        case
            when states.has_begun_before then states.arr_start
            -- all that there is at the end came in the month
            when states.arr = coalesce(
                movements.new_arr + movements.expansion_arr - movements.contraction_arr - movements.churned_arr, 0
            ) then 0
        end as arr_start,
        coalesce(movements.new_arr, 0) as new_arr,
        coalesce(movements.expansion_arr, 0) as expansion_arr,
        coalesce(movements.contraction_arr, 0) as contraction_arr,
        coalesce(movements.churned_arr, 0) as churned_arr,
        coalesce(movements.has_churned, false) as has_churned,
        coalesce(movements.has_renewed, false) as has_renewal_deal,
        coalesce(states.lifecycle_start = 'churned', false) as is_churned_start,
        coalesce(states.lifecycle = 'churned', false) as is_churned_end,
        (scope.month_number > scope.first_month) as is_known_before,
        coalesce(states.renewal_month_start, states.renewal_month) as renewal_month,
        states.last_renewed_on_start
    from scope
    left join states
        on
            scope.account_key = states.account_key
            and scope.month_number = states.month_number
    left join movements
        on
            scope.account_key = movements.account_key
            and scope.month_number = movements.month_number

),

timed as (

    select
        *,
        case
            when not is_churned_start
                then {{ days_to_renewal('month_start', 'renewal_month', 'began_on', 'last_renewed_on_start') }}
        end as days_to_renewal,
        (is_known_before and not is_churned_start) as is_customer_start,
        ((month_start + interval '1 month') at time zone 'UTC' <= {{ as_of() }}) as is_complete
    from joined

),

final as (

    select
        timed.account_key,
        timed.month_start,
        timed.is_complete,
        timed.segment,
        timed.tier,
        timed.industry,
        timed.country,
        null::text as plan,
        {{ lifecycle_stage('timed.is_churned_start', 'timed.month_start', 'timed.began_on', 'timed.days_to_renewal') }} as lifecycle_stage,
        timed.month_number - timed.first_month as tenure_months,
        timed.owner_key,
        timed.arr_start,
        timed.arr_end,
        timed.new_arr,
        timed.expansion_arr,
        timed.contraction_arr,
        timed.churned_arr,
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
        timed.days_to_renewal,
        null::numeric as health_score,
        coalesce(adoption.active_customer_count, 0) as active_customer_count,
        coalesce(adoption.product_event_count, 0) as product_event_count,
        coalesce(adoption.active_day_count, 0) as active_day_count,
        coalesce(support.interaction_count, 0) as interaction_count,
        coalesce(support.ai_interaction_count, 0) as ai_interaction_count,
        coalesce(issues.issue_count, 0) as issue_count,
        coalesce(issues.repeat_contact_count, 0) as repeat_contact_count,
        support.mean_quality,
        coalesce(support.quality_n, 0) as quality_n,
        support.weighted_quality,
        coalesce(support.low_quality_count, 0) as low_quality_count,
        support.mean_polarity,
        coalesce(support.polarity_n, 0) as polarity_n,
        automated.mean_effort,
        coalesce(automated.effort_n, 0) as effort_n,
        coalesce(support.rating_positive_count, 0) as rating_positive_count,
        coalesce(support.rating_n, 0) as rating_n,
        coalesce(automated.escalation_count, 0) as escalation_count,
        coalesce(gaps.open_gap_count, 0) as open_gap_count
    from timed
    left join adoption
        on
            timed.account_key = adoption.account_key
            and timed.month_number = adoption.month_number
    left join support
        on
            timed.account_key = support.account_key
            and timed.month_number = support.month_number
    left join issues
        on
            timed.account_key = issues.account_key
            and timed.month_number = issues.month_number
    left join automated
        on
            timed.account_key = automated.account_key
            and timed.month_number = automated.month_number
    left join {{ ref('account_open_gaps') }} as gaps
        on
            timed.account_key = gaps.account_key
            and timed.month_number = gaps.month_number

)

select * from final
