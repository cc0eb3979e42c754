{{
    config(
        unique_key=['interaction_key', 'episode_number', 'definition'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per episode of an AI agent and definition of resolution: its verdict, the first match wins; ours beside those of vendors
with

episodes as (

    select
        ai_episodes.*,
        interactions.interaction_date,
        (ai_episodes.last_message_at + interval '{{ var("episode_idle_hours") }} hours' > {{ as_of() }}) as is_active,
        (
            ai_episodes.is_positively_rated or ai_episodes.is_solution_confirmed or ai_episodes.is_target_action_done
        ) as is_verified
    from {{ ref('ai_episodes') }} as ai_episodes
    inner join {{ ref('affected_interactions') }} as affected on ai_episodes.interaction_key = affected.interaction_key
    inner join {{ ref('interactions') }} as interactions on ai_episodes.interaction_key = interactions.interaction_key

),

verdicts as (

    select
        interaction_key,
        episode_number,
        'touchstone' as definition,
        outcome as verdict,
        interaction_date
    from episodes

    union all

    -- confirmed by the customer, or assumed as nobody asked further; what comes back is deducted
    select
        interaction_key,
        episode_number,
        'intercom' as definition,
        case
            when is_escalated or human_request_count > 0 or is_without_answer then 'unresolved'
            when is_returned then 'deducted'
            when is_unhelpful_stated or is_last_message_unanswered then 'unresolved'
            when is_solution_confirmed or is_positively_rated then 'confirmed'
            when is_window_open then 'pending'
            else 'assumed'
        end as verdict,
        interaction_date
    from episodes

    union all

    -- an escalation is assisted where the AI agent had something to go on; only what is verified is resolved
    select
        interaction_key,
        episode_number,
        'zendesk' as definition,
        case
            when is_escalated and (cited_answer_count > 0 or useful_answer_count > 0 or tool_call_count > failed_tool_call_count)
                then 'assisted_escalation'
            when is_escalated then 'unassisted_escalation'
            when is_active then 'pending'
            when is_verified and not is_unhelpful_stated and not is_returned then 'verified'
            else 'contained'
        end as verdict,
        interaction_date
    from episodes

    union all

    select
        interaction_key,
        episode_number,
        'salesforce' as definition,
        case
            when is_escalated then 'escalated'
            when is_without_answer or is_last_message_unanswered then 'abandoned'
            when is_verified and not is_unhelpful_stated then 'deflected'
            when is_window_open then 'pending'
            else 'ambiguous'
        end as verdict,
        interaction_date
    from episodes

    union all

    select
        interaction_key,
        episode_number,
        'ada' as definition,
        case
            when is_escalated then 'human'
            when is_window_open then 'pending'
            when policy_violation_count > 0 then 'unsafe'
            when coalesce(is_accuracy_failed, false) then 'inaccurate'
            when is_without_answer or is_unhelpful_stated or is_last_useful is false then 'irrelevant'
            else 'resolved'
        end as verdict,
        interaction_date
    from episodes

    union all

    select
        interaction_key,
        episode_number,
        'hubspot' as definition,
        case
            when is_escalated then 'handed_over'
            when is_without_answer then 'unanswered'
            when is_active then 'pending'
            else 'resolved'
        end as verdict,
        interaction_date
    from episodes

    union all

    select
        interaction_key,
        episode_number,
        'chatwoot' as definition,
        case
            when not is_solved or is_without_answer then 'unresolved'
            when human_message_count > 0 then 'assisted'
            when reopened_at <= solved_at + interval '{{ var("durable_days") }} days' then 'autonomous'
            when solved_at + interval '{{ var("durable_days") }} days' > {{ as_of() }} then 'pending'
            else 'durable'
        end as verdict,
        interaction_date
    from episodes

),

resolved as (

    select
        *,
        case
            when verdict = 'pending' then null
            else (definition, verdict) in (
                ('touchstone', 'confirmed'), ('touchstone', 'assumed'),
                ('intercom', 'confirmed'), ('intercom', 'assumed'),
                ('zendesk', 'verified'),
                ('salesforce', 'deflected'),
                ('ada', 'resolved'),
                ('hubspot', 'resolved'),
                ('chatwoot', 'durable')
            )
        end as is_resolved
    from verdicts

),

final as (

    select
        interaction_key,
        episode_number,
        definition,
        verdict,
        is_resolved,
        coalesce(
            bool_or(is_resolved) over same_episode and not bool_and(is_resolved) over same_episode, false
        ) as is_disputed,
        interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from resolved
    window same_episode as (partition by interaction_key, episode_number)

)

select * from final
