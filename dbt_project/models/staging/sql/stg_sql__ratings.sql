-- one row per answer to a survey: renamed and cast, nothing else
select
    'sql' as source,
    instance,
    id as row_id,
    interaction_id,
    coalesce({{ json_text('payload', 'survey_type') }}, 'csat') as survey_type,
    {{ try_cast('payload', 'rating', 'numeric') }} as rating,
    {{ try_cast('payload', 'rating_scale_min', 'numeric') }} as rating_scale_min,
    {{ try_cast('payload', 'rating_scale_max', 'numeric') }} as rating_scale_max,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'rated_at', 'timestamptz') }} as rated_at
from {{ source('raw_sql', 'ratings') }}
