-- one row per team: renamed and cast, nothing else
select
    'intercom' as source,
    instance,
    id as team_id,
    {{ json_text('payload', 'name') }} as team_name,
    _load_id
from {{ source('raw_intercom', 'teams') }}
