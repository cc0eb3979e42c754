-- one row per statement of a user that a later one replaced: renamed and cast, nothing else
select
    {{ zendesk_user_columns() }}
from {{ source('raw_zendesk', 'users_history') }}
