-- one row per answer to a survey: renamed and cast, nothing else
{% set properties = "payload -> 'properties'" %}

select
    'hubspot' as source,
    instance,
    id as feedback_id,
    interaction_id as ticket_id,
    {{ json_text(properties, 'hs_survey_type') }} as survey_type,
    {{ try_cast(properties, 'hs_value', 'numeric') }} as value,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    coalesce({{ try_cast(properties, 'hs_submission_timestamp', 'moment') }}, {{ try_cast('payload', 'createdAt', 'moment') }})
        as submitted_at,
    _load_id
from {{ source('raw_hubspot', 'feedback_submissions') }}
