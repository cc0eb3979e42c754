-- one row per answer to a survey: renamed and cast, nothing else
select
    'freshdesk' as source,
    instance,
    id as rating_id,
    interaction_id as ticket_id,
    {{ json_text('payload', 'survey_id') }} as survey_id,
    {{ try_cast("payload -> 'ratings'", 'default_question', 'numeric') }} as rating_code,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
from {{ source('raw_freshdesk', 'satisfaction_ratings') }}
