{{
    config(
        unique_key='interaction_key',
        scope='changed_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per interaction that was scored: the course of the customer's sentiment, and the level of attention that it asks for.
-- The lexicon and the markers say one level, the active model may say a higher one.
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('changed_interactions') }} as changed on interactions.interaction_key = changed.interaction_key
    where interactions.is_eligible

),

trajectories as (

    select trajectories.*
    from {{ ref('stg_scores__trajectories') }} as trajectories
    inner join interactions
        on
            trajectories.interaction_started_at = interactions.started_at
            and trajectories.interaction_key = interactions.interaction_key
            and trajectories.input_hash = interactions.input_hash

),

sentiment as (

    select
        messages.interaction_key,
        messages.dissatisfaction,
        messages.is_dissatisfied,
        row_number() over (partition by messages.interaction_key order by messages.message_ordinal)
        - row_number() over (
            partition by messages.interaction_key, messages.is_dissatisfied order by messages.message_ordinal
        ) as run_number
    from {{ ref('fct_message_sentiment') }} as messages
    inner join interactions on messages.interaction_key = interactions.interaction_key
    where messages.dissatisfaction is not null

),

dissatisfied_runs as (

    select
        interaction_key,
        sum(dissatisfaction) as dissatisfaction,
        count(*)::int as judged_count,
        (count(*) filter (where is_dissatisfied))::int as dissatisfied_count
    from sentiment
    group by interaction_key, is_dissatisfied, run_number

),

dissatisfaction as (

    select
        interaction_key,
        sum(dissatisfaction) / sum(judged_count) as mean_dissatisfaction,
        sum(dissatisfied_count)::int as dissatisfied_message_count,
        case
            when max(dissatisfied_count) >= {{ var('sustained_messages') }} then 'supervisor'
            when max(dissatisfied_count) > 0 then 'monitor'
        end as sentiment_level,
        case
            when max(dissatisfied_count) >= {{ var('sustained_messages') }} then 'sustained_dissatisfaction'
            when max(dissatisfied_count) > 0 then 'dissatisfied_message'
        end as level_rule
    from dissatisfied_runs
    group by interaction_key

),

joined as (

    select
        trajectories.*,
        interactions.interaction_date,
        dissatisfaction.mean_dissatisfaction,
        dissatisfaction.dissatisfied_message_count,
        dissatisfaction.sentiment_level as model_level,
        dissatisfaction.level_rule as model_rule,
        coalesce(
            (dissatisfaction.sentiment_level = 'supervisor' and trajectories.sentiment_level in ('none', 'monitor'))
            or (dissatisfaction.sentiment_level = 'monitor' and trajectories.sentiment_level = 'none'),
            false
        ) as is_raised
    from interactions
    inner join trajectories on interactions.interaction_key = trajectories.interaction_key
    left join dissatisfaction on interactions.interaction_key = dissatisfaction.interaction_key

),

final as (

    select
        interaction_key,
        trajectory_class,
        case when is_raised then model_level else sentiment_level end as sentiment_level,
        case when is_raised then model_rule else level_rule end as level_rule,
        start_polarity,
        end_polarity,
        mean_polarity,
        minimum_polarity,
        slope,
        largest_drop,
        mean_dissatisfaction,
        longest_response_gap_minutes,
        customer_message_count,
        dissatisfied_message_count,
        escalation_request_count,
        repeat_question_count,
        is_recovery,
        is_repeat_contact,
        interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from joined

)

select * from final
