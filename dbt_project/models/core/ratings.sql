{{
    config(
        unique_key='rating_key',
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key']}]
    )
}}
-- one row per customer rating of an interaction
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

conversations as (

    select * from {{ ref('int_conversations__unioned') }}

),

rated as (

    select
        md5(conversations.interaction_key || ':rating') as rating_key,
        -- what a customer thinks of an interaction that went into another, counts there
        coalesce(conversations.merged_into_interaction_key, conversations.interaction_key) as interaction_key,
        'survey' as rating_type,
        conversations.rating,
        conversations.rating_scale_min,
        conversations.rating_scale_max,
        -- top two boxes of five, the positive side of a binary; null where the source states no scale
        case
            when conversations.rating_scale_max - conversations.rating_scale_min = 1
                then conversations.rating = conversations.rating_scale_max
            when conversations.rating_scale_max > conversations.rating_scale_min
                then
                    (conversations.rating - conversations.rating_scale_min)
                    / (conversations.rating_scale_max - conversations.rating_scale_min) >= 0.75
        end as is_positive,
        coalesce(conversations.rated_at, conversations.closed_at) as rated_at
    from conversations
    inner join pending on conversations.interaction_key = pending.interaction_key
    where
        conversations.rating is not null
        and conversations.deleted_at is null
        and cardinality(conversations._cast_errors) = 0

),

-- what asks for something else than satisfaction is kept as it was given, never taken for satisfaction
other_surveys as (

    select
        md5(conversations.interaction_key || ':' || surveys.survey_type || ':' || surveys.record_id) as rating_key,
        coalesce(conversations.merged_into_interaction_key, conversations.interaction_key) as interaction_key,
        surveys.survey_type as rating_type,
        surveys.rating,
        surveys.rating_scale_min,
        surveys.rating_scale_max,
        null::boolean as is_positive,
        surveys.submitted_at as rated_at
    from conversations
    inner join pending on conversations.interaction_key = pending.interaction_key
    inner join {{ ref('int_sources__surveys') }} as surveys
        on
            conversations.source = surveys.source
            and conversations.instance = surveys.instance
            and conversations.interaction_id = surveys.interaction_id
    where conversations.deleted_at is null

),

final as (

    select * from rated
    union all
    select * from other_surveys

)

select * from final
