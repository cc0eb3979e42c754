{{
    config(
        unique_key='interaction_key',
        scope='affected_business_contexts',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['account_key', 'interaction_date']}, {'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per interaction of a known account: what the account was worth and where it stood in its contract when its customer wrote,
-- how much the interaction weighs for that, and whether revenue is at risk
with

contacts as (

    select
        interactions.interaction_key,
        interactions.organization_key as account_key,
        interactions.interaction_date,
        interactions.tier,
        interactions.sentiment_level,
        -- what the customer met in the end: the person where one replied, else the AI agent
        case
            when interactions.human_message_count > 0 then interactions.human_total_score
            else interactions.ai_total_score
        end as quality,
        {{ begun_at('interactions') }} as begun_at
    from {{ ref('affected_business_contexts') }} as affected
    inner join {{ ref('fct_interactions') }} as interactions on affected.interaction_key = interactions.interaction_key
    where {{ is_contact('interactions') }}

),

described as (

    select
        contacts.*,
        trajectories.end_polarity,
        organizations.began_on,
        coalesce(periods.tier, organizations.tier, contacts.tier) as present_tier,
        coalesce(periods.lifecycle = 'churned', false) as is_churned,
        periods.arr,
        coalesce(periods.last_expanded_at >= contacts.begun_at - interval '{{ var("expansion_days") }} days', false)
            as has_recent_expansion,
        case
            when periods.lifecycle <> 'churned'
                then
                    {{ days_to_renewal(
                        'contacts.interaction_date', 'periods.renewal_month', 'organizations.began_on', 'periods.last_renewed_on'
                    ) }}
        end as days_to_renewal
    from contacts
    inner join {{ ref('organizations') }} as organizations on contacts.account_key = organizations.account_key
    left join {{ ref('organization_periods') }} as periods
        on
            contacts.account_key = periods.account_key
            and contacts.begun_at >= periods.valid_from
            and (periods.valid_to is null or contacts.begun_at < periods.valid_to)
    left join {{ ref('fct_sentiment_trajectories') }} as trajectories on contacts.interaction_key = trajectories.interaction_key

),

judged as (

    select
        *,
        coalesce(days_to_renewal <= {{ var('renewal_days') }}, false) as is_renewal_near,
        coalesce(present_tier in ('{{ var("top_tiers") | join("', '") }}'), false) as is_top_tier,
        coalesce(quality < {{ var('tier_acceptable') }}, false) as is_low_quality,
        (
            coalesce(end_polarity < {{ var('negative_polarity') }}, false)
            or coalesce(sentiment_level in ('supervisor', 'escalate'), false)
        ) as has_bad_ending
    from described

),

final as (

    select
        interaction_key,
        account_key,
        present_tier as tier,
        {{ lifecycle_stage('is_churned', 'interaction_date', 'began_on', 'days_to_renewal') }} as lifecycle_stage,
        days_to_renewal,
        arr,
        quality::numeric as quality,
        (
            1
            + case when is_renewal_near then {{ var('business_weights')['renewal'] }} else 0 end
            + case when has_recent_expansion then {{ var('business_weights')['expansion'] }} else 0 end
            + case when is_top_tier then {{ var('business_weights')['top_tier'] }} else 0 end
        )::numeric as business_weight,
        case
            when (is_renewal_near or has_recent_expansion) and (is_low_quality or has_bad_ending) then arr
        end as arr_at_risk,
        is_renewal_near,
        has_recent_expansion,
        is_top_tier,
        is_low_quality,
        has_bad_ending,
        ((is_renewal_near or has_recent_expansion) and (is_low_quality or has_bad_ending)) as is_revenue_at_risk,
        interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from judged

)

select * from final
