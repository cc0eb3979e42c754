{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['topic', 'interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per episode in which an AI agent answered or was tried: outcome, effort, usefulness, escalation and what to look at; no text
with

episodes as (

    select ai_episodes.*
    from {{ ref('ai_episodes') }} as ai_episodes
    inner join {{ ref('affected_interactions') }} as affected on ai_episodes.interaction_key = affected.interaction_key

),

joined as (

    select
        episodes.*,
        interactions.source,
        interactions.instance,
        interactions.channel,
        interactions.language,
        interactions.tier,
        interactions.product_area,
        accounts.segment as customer_type,
        interactions.interaction_date,
        (high_risk.topic is not null) as is_high_risk,
        handoffs.necessity,
        handoffs.reason as escalation_reason,
        labels.necessity as labelled_necessity
    from episodes
    inner join {{ ref('interactions') }} as interactions on episodes.interaction_key = interactions.interaction_key
    left join {{ ref('accounts') }} as accounts on interactions.account_key = accounts.account_key
    left join {{ ref('high_risk_topics') }} as high_risk on interactions.topic = high_risk.topic
    left join {{ ref('ai_handoffs') }} as handoffs
        on
            episodes.interaction_key = handoffs.interaction_key
            and episodes.episode_number = handoffs.episode_number
    left join {{ ref('escalation_labels') }} as labels
        on
            interactions.source = labels.source
            and interactions.instance = labels.instance
            and interactions.interaction_id = labels.interaction_id
            and episodes.episode_number = labels.episode_number

),

judged as (

    select
        *,
        (outcome in ('returned', 'abandoned', 'confirmed', 'assumed')) as is_contained,
        -- dissatisfaction is stated in words too where no lexicon reads the language
        (
            not is_escalated
            and outcome <> 'pending'
            and case
                when labelled_necessity in ('missed', 'not_missed') then labelled_necessity = 'missed'
                else
                    is_human_refused
                    or outcome = 'returned'
                    or (outcome = 'abandoned' and (is_sentiment_falling or is_unhelpful_stated))
            end
        ) as is_missed_escalation
    from joined

),

final as (

    select
        interaction_key,
        issue_key,
        agent_key,
        agent_version,
        channel,
        topic,
        product_area,
        customer_type,
        tier,
        language,
        handled_by,
        outcome,
        definition_version,
        case
            when is_escalated then coalesce(necessity, 'unknown')
            when is_missed_escalation then 'missed'
            when outcome <> 'pending' then 'none'
        end as escalation,
        escalation_reason,
        first_intent as stated_intent,
        episode_number,
        answer_count,
        useful_answer_count,
        judged_answer_count,
        explicitly_useful_count,
        explicitly_judged_count,
        implicitly_useful_count,
        implicitly_judged_count,
        messages_to_useful_answer,
        rephrase_count,
        clarification_count,
        after_answer_count,
        channel_switch_count,
        human_request_count,
        tool_call_count,
        failed_tool_call_count,
        retrieval_count,
        stale_retrieval_count,
        policy_violation_count,
        customer_message_count,
        ai_message_count,
        automated_effort_score as effort,
        least_confidence,
        last_confidence,
        handle_minutes,
        first_response_minutes,
        resolution_minutes,
        is_high_risk,
        is_escalated,
        is_soft_escalation,
        is_missed_escalation,
        is_contained,
        case when outcome <> 'pending' then outcome in ('confirmed', 'assumed') end as is_resolved,
        case when outcome <> 'pending' then outcome = 'confirmed' end as is_strictly_resolved,
        -- the three signals of a good containment, each apart
        (not is_returned) as is_without_return,
        is_positively_rated,
        is_target_action_done,
        is_solution_confirmed,
        has_useful_answer,
        (sure_and_useless_count > 0) as is_confidently_wrong,
        (outcome in ('returned', 'abandoned', 'confirmed', 'assumed') and automated_effort_score >= {{ var('hard_effort') }})
            as is_contained_but_hard,
        (
            outcome in ('confirmed', 'assumed')
            and (
                automated_effort_score >= {{ var('hard_effort') }}
                or coalesce(last_confidence < {{ var('escalation_confidence') }}, false)
                or is_soft_escalation
            )
        ) as is_near_failure,
        interaction_date,
        started_at,
        last_message_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from judged

)

select * from final
