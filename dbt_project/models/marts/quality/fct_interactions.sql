{{
    config(
        unique_key='interaction_key',
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[
            {'columns': ['account_key', 'interaction_date']},
            {'columns': ['organization_key', 'interaction_date']},
            {'columns': ['primary_human_agent_key', 'interaction_date']},
            {'columns': ['interaction_date']},
            {'columns': ['topic', 'interaction_date']},
            {'columns': ['_ledger_id']}
        ]
    )
}}
-- one row per interaction: its slices, scores by side and service times; no text
with

affected as (

    select * from {{ ref('affected_interactions') }}

),

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join affected on interactions.interaction_key = affected.interaction_key

),

scores as (

    select
        scored.interaction_key,
        scored.subject,
        scored.scorer_version,
        scored.is_critical_failure,
        scored.scored_at,
        shown.tier,
        shown.total_score
    from {{ ref('stg_scores__interaction_scores') }} as scored
    inner join interactions
        on
            scored.interaction_started_at = interactions.started_at
            and scored.interaction_key = interactions.interaction_key
            and scored.input_hash = interactions.input_hash
    left join {{ ref('fct_interaction_scores') }} as shown
        on
            scored.interaction_key = shown.interaction_key
            and scored.subject = shown.subject

),

scores_by_side as (

    select
        interaction_key,
        max(scorer_version) as scorer_version,
        max(total_score) filter (where subject = 'human_agent') as human_total_score,
        max(total_score) filter (where subject = 'ai_agent') as ai_total_score,
        max(tier) filter (where subject = 'human_agent') as human_tier,
        max(tier) filter (where subject = 'ai_agent') as ai_tier,
        bool_or(is_critical_failure) as is_critical_failure,
        max(scored_at) as scored_at
    from scores
    group by interaction_key

),

trajectories as (

    select trajectories.*
    from {{ ref('fct_sentiment_trajectories') }} as trajectories
    inner join affected on trajectories.interaction_key = affected.interaction_key

),

episodes as (

    select
        episodes.interaction_key,
        count(*)::int as episode_count,
        sum(episodes.handle_minutes) as handle_minutes,
        sum(episodes.touch_count)::int as touch_count,
        sum(episodes.customer_turn_count)::int as turn_count,
        min(episodes.started_at) as first_opened_at,
        bool_and(episodes.is_solved) as is_solved,
        (array_agg(episodes.solved_at order by episodes.episode_number desc))[1] as solved_at
    from {{ ref('episodes') }} as episodes
    inner join affected on episodes.interaction_key = affected.interaction_key
    group by episodes.interaction_key

),

response_times as (

    select
        response_times.interaction_key,
        max(response_minutes) filter (where is_first) as first_response_minutes,
        max(response_bh_minutes) filter (where is_first) as first_response_bh_minutes,
        percentile_cont(0.5) within group (order by response_minutes) filter (where not is_first) as next_response_minutes,
        count(*) filter (where not is_first and response_minutes is not null)::int as next_response_count
    from {{ ref('response_times') }} as response_times
    inner join affected on response_times.interaction_key = affected.interaction_key
    group by response_times.interaction_key

),

handoffs as (

    select
        handoffs.interaction_key,
        count(*)::int as handoff_count,
        count(*) filter (where handoff_type = 'human_agent_to_human_agent')::int as human_handoff_count
    from {{ ref('handoffs') }} as handoffs
    inner join affected on handoffs.interaction_key = affected.interaction_key
    group by handoffs.interaction_key

),

first_contacts as (

    -- an interaction that is taken up again after a long pause begins a second issue: it counts for its first
    select distinct on (issue_episodes.interaction_key) issue_episodes.*
    from {{ ref('issue_episodes') }} as issue_episodes
    inner join affected on issue_episodes.interaction_key = affected.interaction_key
    where issue_episodes.contact_number = 1
    order by issue_episodes.interaction_key, issue_episodes.episode_number

),

ratings as (

    select
        ratings.interaction_key,
        bool_or(ratings.is_positive) as is_rated_positive
    from {{ ref('ratings') }} as ratings
    inner join affected on ratings.interaction_key = affected.interaction_key
    group by ratings.interaction_key

),

outcomes as (

    select
        outcomes.interaction_key,
        (array_agg(outcomes.outcome order by outcomes.episode_number desc))[1] as ai_outcome
    from {{ ref('outcomes') }} as outcomes
    inner join affected on outcomes.interaction_key = affected.interaction_key
    group by outcomes.interaction_key

),

schedules as (

    select * from {{ ref('schedules_by_team') }}

),

targets as (

    select * from {{ ref('sla_targets') }}

),

joined as (

    select
        interactions.*,
        scores_by_side.scorer_version,
        scores_by_side.human_total_score,
        scores_by_side.ai_total_score,
        scores_by_side.human_tier,
        scores_by_side.ai_tier,
        scores_by_side.is_critical_failure,
        scores_by_side.scored_at,
        trajectories.trajectory_class,
        trajectories.sentiment_level,
        trajectories.level_rule,
        trajectories.mean_polarity,
        trajectories.mean_dissatisfaction,
        trajectories.dissatisfied_message_count,
        trajectories.longest_response_gap_minutes,
        trajectories.escalation_request_count,
        trajectories.repeat_question_count,
        trajectories.is_recovery,
        trajectories.is_repeat_contact,
        episodes.episode_count,
        episodes.handle_minutes,
        episodes.touch_count,
        episodes.turn_count,
        coalesce(episodes.is_solved, false) as is_solved,
        episodes.solved_at as resolved_at,
        response_times.first_response_minutes,
        response_times.first_response_bh_minutes,
        response_times.next_response_minutes,
        handoffs.handoff_count,
        handoffs.human_handoff_count,
        first_contacts.issue_key,
        {%- for days in var('fcr_windows_days') %}
            first_contacts.is_resolved_{{ days }}d,
        {%- endfor %}
        ratings.is_rated_positive,
        outcomes.ai_outcome,
        {{ minutes_between('episodes.first_opened_at', 'episodes.solved_at') }} as resolution_minutes,
        {{ business_minutes_between('schedules', 'episodes.first_opened_at', 'episodes.solved_at') }}
            as resolution_bh_minutes,
        targets.first_response_minutes as first_response_target_minutes,
        targets.resolution_minutes as resolution_target_minutes
    from interactions
    left join scores_by_side on interactions.interaction_key = scores_by_side.interaction_key
    left join trajectories on interactions.interaction_key = trajectories.interaction_key
    left join episodes on interactions.interaction_key = episodes.interaction_key
    left join response_times on interactions.interaction_key = response_times.interaction_key
    left join handoffs on interactions.interaction_key = handoffs.interaction_key
    left join first_contacts on interactions.interaction_key = first_contacts.interaction_key
    left join ratings on interactions.interaction_key = ratings.interaction_key
    left join outcomes on interactions.interaction_key = outcomes.interaction_key
    inner join schedules on coalesce(interactions.team, '') = schedules.team
    left join targets
        on
            interactions.instance = targets.instance
            and interactions.channel = targets.channel

),

final as (

    select
        interaction_key,
        customer_key,
        person_key,
        account_key,
        organization_key,
        issue_key,
        primary_human_agent_key,
        primary_ai_agent_key,
        source,
        instance,
        channel,
        topic,
        product_area,
        tier,
        language,
        priority,
        team,
        agent_version,
        handled_by,
        status,
        case
            when excluded_reason is not null then 'excluded'
            when scorer_version is not null then 'scored'
            else 'pending'
        end as scoring_status,
        excluded_reason,
        scorer_version,
        human_tier,
        ai_tier,
        trajectory_class,
        sentiment_level,
        level_rule,
        ai_outcome,
        human_total_score,
        ai_total_score,
        mean_polarity,
        mean_dissatisfaction,
        first_response_minutes,
        first_response_bh_minutes,
        next_response_minutes,
        resolution_minutes,
        resolution_bh_minutes,
        handle_minutes,
        longest_response_gap_minutes,
        escalation_request_count,
        repeat_question_count,
        dissatisfied_message_count,
        message_count,
        customer_message_count,
        human_message_count,
        ai_message_count,
        coalesce(touch_count, 0) as touch_count,
        coalesce(turn_count, 0) as turn_count,
        greatest(coalesce(episode_count, 1) - 1, 0) as reopen_count,
        coalesce(handoff_count, 0) as handoff_count,
        coalesce(human_handoff_count, 0) as human_handoff_count,
        is_recovery,
        is_repeat_contact,
        is_eligible,
        coalesce(is_critical_failure, false) as is_critical_failure,
        is_solved,
        is_rated_positive,
        {%- for days in var('fcr_windows_days') %}
            is_resolved_{{ days }}d as is_first_contact_resolved_{{ days }}d,
        {%- endfor %}
        -- an answer that is still due misses its target once the target has passed
        case
            when first_response_target_minutes is null then null
            when first_response_bh_minutes is not null then first_response_bh_minutes <= first_response_target_minutes
        end as is_first_response_in_sla,
        case
            when resolution_target_minutes is null then null
            when resolution_bh_minutes is not null then resolution_bh_minutes <= resolution_target_minutes
        end as is_resolution_in_sla,
        interaction_date,
        started_at,
        resolved_at,
        last_message_at,
        landed_at,
        scored_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from joined

)

select * from final
