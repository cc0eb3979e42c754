-- one row per satisfaction rating: renamed and cast, nothing else
select
    'zendesk' as source,
    instance,
    id as rating_id,
    interaction_id as ticket_id,
    {{ json_text('payload', 'score') }} as score,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
from {{ source('raw_zendesk', 'satisfaction_ratings') }}
