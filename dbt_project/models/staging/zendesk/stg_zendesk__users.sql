-- one row per user: renamed and cast, nothing else
select
    {{ zendesk_user_columns() }}
from {{ source('raw_zendesk', 'users') }}
