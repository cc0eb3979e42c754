-- one row per survey: renamed and cast, nothing else
select
    'freshdesk' as source,
    instance,
    id as survey_id,
    payload -> 'questions' -> 0 -> 'accepted_ratings' as accepted_ratings,
    _load_id
from {{ source('raw_freshdesk', 'surveys') }}
