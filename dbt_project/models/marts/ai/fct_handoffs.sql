{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per episode that an AI agent handed to a person: why, when, what was kept, where it went, and whether it had to be; no text
with

final as (

    select
        handoffs.interaction_key,
        handoffs.from_agent_key,
        handoffs.to_agent_key,
        handoffs.agent_version,
        handoffs.to_team,
        interactions.channel,
        interactions.topic,
        interactions.language,
        handoffs.reason,
        handoffs.reason_source,
        handoffs.trigger_type,
        handoffs.necessity,
        handoffs.necessity_source,
        handoffs.timing,
        handoffs.episode_number,
        handoffs.due_turn,
        handoffs.ai_turns_before,
        handoffs.repeated_answer_count,
        handoffs.items_given_count,
        handoffs.items_asked_again_count,
        handoffs.reassignment_count,
        handoffs.human_reply_count,
        handoffs.minutes_before,
        handoffs.minutes_to_solve as post_handoff_minutes,
        handoffs.items_kept_share,
        handoffs.context_fields_share,
        handoffs.continued_share,
        handoffs.context_preservation,
        handoffs.is_loop,
        handoffs.is_restarted,
        handoffs.is_misrouted,
        handoffs.is_recorded,
        interactions.interaction_date,
        handoffs.handed_off_at,
        handoffs.taken_over_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from {{ ref('ai_handoffs') }} as handoffs
    inner join {{ ref('affected_interactions') }} as affected on handoffs.interaction_key = affected.interaction_key
    inner join {{ ref('interactions') }} as interactions on handoffs.interaction_key = interactions.interaction_key

)

select * from final
