{{
    config(
        unique_key=['issue_key', 'interaction_date'],
        scope='affected_issues',
        scope_columns=['person_key', 'topic'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['person_key', 'topic']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per issue, the contacts of one person about one topic: who had it, how it ended, and whether the customer had to come back.
-- The day of its first contact belongs to the key, so that an issue that moves leaves a note of the day it moved from
with

episodes as (

    select issue_episodes.*
    from {{ ref('issue_episodes') }} as issue_episodes
    inner join {{ ref('affected_issues') }} as affected
        on
            issue_episodes.person_key = affected.person_key
            and issue_episodes.topic = affected.topic

),

described as (

    select
        episodes.*,
        handled.handled_by,
        outcomes.outcome
    from episodes
    inner join {{ ref('episodes') }} as handled
        on
            episodes.interaction_key = handled.interaction_key
            and episodes.episode_number = handled.episode_number
    left join {{ ref('outcomes') }} as outcomes
        on
            episodes.interaction_key = outcomes.interaction_key
            and episodes.episode_number = outcomes.episode_number

),

issues as (

    select
        issue_key,
        person_key,
        topic,
        (array_agg(interaction_key order by contact_number))[1] as first_interaction_key,
        (array_agg(outcome order by contact_number desc) filter (where outcome is not null))[1] as last_outcome,
        count(*)::int as contact_count,
        count(distinct interaction_key)::int as interaction_count,
        bool_and(is_solved) as is_solved,
        bool_or(handled_by in ('ai_only', 'ai_then_human', 'human_then_ai')) as has_ai_agent,
        bool_or(handled_by in ('human_only', 'ai_then_human', 'human_then_ai')) as has_human_agent,
        bool_or(outcome = 'escalated') as is_escalated,
        min(started_at) as started_at,
        min(last_message_at) filter (where contact_number = 1) as first_contact_ended_at,
        max(last_message_at) as last_message_at
    from described
    group by issue_key, person_key, topic

),

judged as (

    select
        *,
        case
            when has_ai_agent and (has_human_agent or is_escalated) then 'ai_and_human'
            when has_ai_agent then 'ai_only'
            when has_human_agent then 'human_only'
            else 'unhandled'
        end as handled_by,
        -- a second contact belongs to it until the gap has passed; one that came sooner waits as long, or the newest issues would all be
        -- those with a second contact
        (first_contact_ended_at + interval '{{ var("issue_gap_days") }} days' <= {{ as_of() }}) as is_observed
    from issues

),

final as (

    select
        judged.issue_key,
        judged.person_key,
        interactions.account_key,
        judged.first_interaction_key,
        judged.topic,
        interactions.channel,
        interactions.tier,
        interactions.language,
        accounts.segment,
        judged.handled_by,
        judged.last_outcome,
        judged.contact_count,
        judged.interaction_count,
        judged.is_solved,
        judged.is_observed,
        case when judged.is_observed then judged.contact_count > 1 end as has_repeat_contact,
        case
            when judged.handled_by = 'ai_only' and judged.last_outcome <> 'pending' then judged.last_outcome = 'confirmed'
        end as is_self_service_success,
        interactions.interaction_date,
        judged.started_at,
        judged.last_message_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from judged
    inner join {{ ref('interactions') }} as interactions on judged.first_interaction_key = interactions.interaction_key
    left join {{ ref('accounts') }} as accounts on interactions.account_key = accounts.account_key

)

select * from final
