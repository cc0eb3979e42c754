{{
    config(
        unique_key=['interaction_date', 'agent_key', 'agent_version', 'slice_type', 'slice_value'],
        scope='affected_dates',
        scope_columns=['interaction_date'],
        indexes=[{'columns': ['slice_type', 'slice_value', 'interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per day, AI agent, version and slice: the counts and sums that reports over time are made of
with

-- a case that began long ago may be answered by a new version: the version is as old as its first answer, not as the case
answers as (

    select
        answers.interaction_key,
        answers.episode_number,
        answers.agent_version,
        min(answers.sent_at) as first_answered_at
    from {{ ref('affected_dates') }} as dates
    inner join {{ ref('fct_ai_answers') }} as answers on dates.interaction_date = answers.interaction_date
    group by answers.interaction_key, answers.episode_number, answers.agent_version

),

episodes as (

    select
        episodes.*,
        coalesce(episodes.agent_key, 'unknown') as known_agent_key,
        coalesce(episodes.agent_version, 'unknown') as known_agent_version,
        (episodes.outcome <> 'pending') as is_judged,
        ratings.is_positive as is_rated_positive,
        answers.first_answered_at
    from {{ ref('affected_dates') }} as dates
    inner join {{ ref('fct_ai_episodes') }} as episodes on dates.interaction_date = episodes.interaction_date
    left join {{ ref('episode_ratings') }} as ratings
        on
            episodes.interaction_key = ratings.interaction_key
            and episodes.episode_number = ratings.episode_number
    left join answers
        on
            episodes.interaction_key = answers.interaction_key
            and episodes.episode_number = answers.episode_number
            and episodes.agent_version = answers.agent_version

),

sliced as (

    select
        episodes.*,
        slices.slice_type,
        slices.slice_value
    from episodes
    cross join
        lateral (
            values
            ('all', 'all'),
            ('topic', episodes.topic),
            ('channel', episodes.channel),
            ('tier', episodes.tier),
            ('language', episodes.language),
            ('product_area', episodes.product_area),
            ('risk', case when episodes.is_high_risk then 'high' else 'other' end)
        ) as slices (slice_type, slice_value)
    where slices.slice_value is not null

),

final as (

    select
        known_agent_key as agent_key,
        known_agent_version as agent_version,
        slice_type,
        slice_value,
        count(*)::int as episode_count,
        count(*) filter (where is_judged)::int as n,
        count(*) filter (where is_resolved)::int as resolved_count,
        count(*) filter (where is_strictly_resolved)::int as strictly_resolved_count,
        count(*) filter (where is_contained)::int as contained_count,
        count(*) filter (where is_judged and is_escalated)::int as escalated_count,
        count(*) filter (where is_judged and is_soft_escalation)::int as soft_escalation_count,
        count(*) filter (where is_judged and is_confidently_wrong)::int as confidently_wrong_count,
        count(*) filter (where is_near_failure)::int as near_failure_count,
        count(*) filter (where policy_violation_count > 0)::int as violating_count,
        -- a person may be asked again too: only as many as followed an answer count
        sum(least(clarification_count, after_answer_count))::int as clarification_count,
        sum(after_answer_count)::int as after_answer_count,
        coalesce(sum(customer_message_count + ai_message_count) filter (where is_resolved), 0)::int as resolved_turn_count,
        coalesce(sum(power(customer_message_count + ai_message_count, 2)) filter (where is_resolved), 0)::double precision
            as resolved_turn_square_sum,
        sum(tool_call_count)::int as tool_call_count,
        sum(failed_tool_call_count)::int as failed_tool_call_count,
        sum(explicitly_judged_count)::int as explicitly_judged_n,
        sum(explicitly_judged_count - explicitly_useful_count)::int as negative_feedback_count,
        count(is_rated_positive)::int as rated_n,
        count(*) filter (where is_rated_positive)::int as rated_positive_count,
        count(effort)::int as effort_n,
        -- the score moves in halves: its sums are exact, in whatever order
        coalesce(sum(effort), 0)::double precision as effort_sum,
        coalesce(sum(effort * effort), 0)::double precision as effort_square_sum,
        interaction_date,
        min(first_answered_at) as first_answered_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from sliced
    group by interaction_date, known_agent_key, known_agent_version, slice_type, slice_value

)

select * from final
