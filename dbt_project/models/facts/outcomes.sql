{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per episode in which an AI agent answered or was tried: its outcome, exclusive, the first match wins
with

episodes as (

    select episodes.*
    from {{ ref('episodes') }} as episodes
    inner join {{ ref('affected_interactions') }} as affected on episodes.interaction_key = affected.interaction_key
    where episodes.ai_message_count > 0

),

issue_episodes as (

    select * from {{ ref('issue_episodes') }}

),

ratings as (

    select
        interaction_key,
        bool_or(is_positive) as is_positive
    from {{ ref('ratings') }}
    group by interaction_key

),

last_customer_messages as (

    select distinct on (episodes.interaction_key, episodes.episode_number)
        episodes.interaction_key,
        episodes.episode_number,
        messages.ordinal,
        message_scores.polarity,
        coalesce(jsonb_path_exists(message_scores.markers, '$[*] ? (@.marker == "did_not_help")'), false) as did_not_help,
        coalesce(jsonb_path_exists(message_scores.markers, '$[*] ? (@.marker == "confirms_solved")'), false) as confirms_solved,
        coalesce(jsonb_path_exists(message_scores.markers, '$[*] ? (@.marker == "gratitude")'), false) as says_thanks
    from episodes
    inner join {{ ref('interactions') }} as interactions on episodes.interaction_key = interactions.interaction_key
    inner join {{ ref('messages') }} as messages
        on
            interactions.interaction_key = messages.interaction_key
            and interactions.started_at = messages.interaction_started_at
            and messages.ordinal between episodes.first_ordinal and episodes.last_ordinal
    left join {{ ref('stg_scores__message_scores') }} as message_scores
        on
            interactions.started_at = message_scores.interaction_started_at
            and interactions.interaction_key = message_scores.interaction_key
            and interactions.input_hash = message_scores.input_hash
            and messages.message_key = message_scores.message_key
    where messages.actor = 'customer' and not messages.is_internal
    order by episodes.interaction_key asc, episodes.episode_number asc, messages.ordinal desc

),

signals as (

    select
        episodes.*,
        issue_episodes.issue_key,
        issue_episodes.contact_number,
        (episodes.human_message_count > 0) as is_escalated,
        coalesce(
            issue_episodes.next_started_at
            <= episodes.last_message_at + interval '{{ var("containment_hours") }} hours', false
        ) as is_returned,
        (
            episodes.last_actor = 'customer'
            and not coalesce(last_customer_messages.confirms_solved, false)
            and not coalesce(last_customer_messages.says_thanks, false)
        ) as is_last_message_unanswered,
        coalesce(last_customer_messages.polarity < -0.2, false) as is_last_message_negative,
        coalesce(last_customer_messages.did_not_help, false) as is_unhelpful_stated,
        coalesce(ratings.is_positive, false) as is_positively_rated,
        coalesce(last_customer_messages.confirms_solved, false) as is_solution_confirmed,
        (episodes.last_message_at + interval '{{ var("containment_hours") }} hours' > {{ as_of() }}) as is_window_open
    from episodes
    left join issue_episodes
        on
            episodes.interaction_key = issue_episodes.interaction_key
            and episodes.episode_number = issue_episodes.episode_number
    left join ratings on episodes.interaction_key = ratings.interaction_key
    left join last_customer_messages
        on
            episodes.interaction_key = last_customer_messages.interaction_key
            and episodes.episode_number = last_customer_messages.episode_number

),

final as (

    select
        interaction_key,
        episode_number,
        issue_key,
        -- only an escalation, a return and a confirmation end the observation early
        case
            when is_escalated then 'escalated'
            when is_returned then 'returned'
            when is_window_open and not (is_positively_rated or is_solution_confirmed) then 'pending'
            when is_last_message_unanswered or is_last_message_negative or is_unhelpful_stated then 'abandoned'
            when is_positively_rated or is_solution_confirmed then 'confirmed'
            else 'assumed'
        end as outcome,
        '2026-1' as definition_version,
        is_escalated,
        is_returned,
        is_last_message_unanswered,
        is_last_message_negative,
        is_unhelpful_stated,
        is_positively_rated,
        is_solution_confirmed,
        is_window_open,
        last_message_at
    from signals

)

select * from final
