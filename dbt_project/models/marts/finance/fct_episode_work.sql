{{
    config(
        unique_key=['work_month', 'interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['issue_key']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per episode: the time that people spent on it, what an AI agent wrote in it, and the issue whose cost it is part of. No
-- prices: assumptions can change without a new build
with

affected as (

    select * from {{ ref('affected_interactions') }}

),

episodes as (

    select episodes.*
    from {{ ref('episodes') }} as episodes
    inner join affected on episodes.interaction_key = affected.interaction_key

),

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join affected on interactions.interaction_key = affected.interaction_key

),

contacts as (

    select contacts.*
    from {{ ref('issue_episodes') }} as contacts
    inner join affected on contacts.interaction_key = affected.interaction_key

),

ai_episodes as (

    select ai_episodes.*
    from {{ ref('ai_episodes') }} as ai_episodes
    inner join affected on ai_episodes.interaction_key = affected.interaction_key

),

-- what the model calls of an episode's answers cost, where a source of traces states it
stated_costs as (

    select
        feedback.interaction_key,
        feedback.episode_number,
        count(*)::int as answer_count,
        sum(answers.stated_cost_usd) as cost_usd
    from {{ ref('answer_feedback') }} as feedback
    inner join affected on feedback.interaction_key = affected.interaction_key
    inner join {{ ref('answers') }} as answers on feedback.message_key = answers.message_key
    where answers.stated_cost_usd >= 0
    group by feedback.interaction_key, feedback.episode_number

),

-- the episodes of an interaction whose customer is unknown are an issue of their own
joined as (

    select
        episodes.interaction_key,
        episodes.episode_number,
        episodes.human_message_count,
        episodes.human_handle_seconds,
        episodes.is_solved,
        episodes.started_at,
        episodes.first_ai_reply_at,
        episodes.first_human_reply_at,
        coalesce(contacts.issue_key, episodes.interaction_key) as issue_key,
        coalesce(contacts.contact_number, episodes.episode_number) as contact_number,
        contacts.is_resolved_{{ var('finance_fcr_days') }}d as is_first_contact_resolved,
        (ai_episodes.interaction_key is not null) as is_ai_episode,
        coalesce(ai_episodes.answer_count, 0) as ai_answer_count,
        coalesce(stated_costs.answer_count, 0) as ai_stated_answer_count,
        coalesce(stated_costs.cost_usd, 0) as ai_stated_cost_usd,
        ai_episodes.outcome,
        coalesce(interactions.channel, 'unknown') as channel,
        coalesce(interactions.topic, 'unknown') as topic,
        coalesce(interactions.team, 'unknown') as team,
        coalesce(accounts.segment, 'unknown') as segment
    from episodes
    inner join interactions on episodes.interaction_key = interactions.interaction_key
    left join contacts
        on
            episodes.interaction_key = contacts.interaction_key
            and episodes.episode_number = contacts.episode_number
    left join ai_episodes
        on
            episodes.interaction_key = ai_episodes.interaction_key
            and episodes.episode_number = ai_episodes.episode_number
    left join stated_costs
        on
            episodes.interaction_key = stated_costs.interaction_key
            and episodes.episode_number = stated_costs.episode_number
    left join {{ ref('accounts') }} as accounts on interactions.account_key = accounts.account_key

),

issues as (

    select
        issue_key,
        date_trunc('month', (array_agg(started_at order by contact_number))[1], 'UTC') as began_at,
        (array_agg(channel order by contact_number))[1] as channel,
        (array_agg(topic order by contact_number))[1] as topic,
        (array_agg(segment order by contact_number))[1] as segment,
        bool_or(human_message_count > 0) as has_human,
        bool_or(is_ai_episode) as has_ai,
        min(first_ai_reply_at) as first_ai_reply_at,
        min(first_human_reply_at) as first_human_reply_at,
        bool_or(coalesce(outcome = 'escalated', false)) as is_escalated,
        (array_agg(outcome order by contact_number desc))[1] as last_outcome,
        (array_agg(human_message_count > 0 order by contact_number desc))[1] as is_last_human,
        (array_agg(is_solved order by contact_number desc))[1] as is_last_solved
    from joined
    group by issue_key

),

handled as (

    select
        *,
        case
            when has_human and has_ai and (first_ai_reply_at > first_human_reply_at) then 'human_then_ai'
            when has_human and has_ai then 'ai_then_human'
            when has_ai then 'ai_only'
            when has_human then 'human_only'
            else 'unhandled'
        end as handled_by
    from issues

),

judged as (

    select
        *,
        case
            when handled_by in ('human_only', 'human_then_ai') then 'human'
            when handled_by = 'ai_then_human' or is_escalated then 'escalated'
            when handled_by = 'ai_only' then 'ai'
            else 'none'
        end as resolution_path,
        (not is_last_human and coalesce(last_outcome = 'pending', false)) as is_pending,
        -- a person's case is resolved when it is solved; one that an AI agent closed, when the customer confirmed it, or when it is
        -- solved and nothing speaks against it
        case
            when is_last_human or last_outcome is null then is_last_solved
            when last_outcome = 'confirmed' then true
            when last_outcome = 'assumed' then is_last_solved
            else false
        end as is_resolved
    from handled

),

final as (

    select
        (judged.began_at at time zone 'UTC')::date as work_month,
        joined.interaction_key,
        joined.issue_key,
        judged.segment,
        judged.channel,
        judged.topic,
        joined.team,
        judged.handled_by,
        judged.resolution_path,
        joined.episode_number,
        joined.contact_number,
        joined.human_handle_seconds::numeric(20, 6) as human_handle_seconds,
        joined.ai_answer_count,
        least(joined.ai_stated_answer_count, joined.ai_answer_count) as ai_stated_answer_count,
        joined.ai_stated_cost_usd::numeric(20, 6) as ai_stated_cost_usd,
        joined.is_ai_episode,
        (joined.contact_number = 1) as is_first_contact,
        joined.is_first_contact_resolved,
        judged.is_pending as is_issue_pending,
        judged.is_resolved as is_issue_resolved,
        joined.started_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from joined
    inner join judged on joined.issue_key = judged.issue_key

)

select * from final
