-- one row per statement of an owner that a later one replaced: renamed and cast, nothing else
select
    {{ hubspot_owner_columns() }}
from {{ source('raw_hubspot', 'owners_history') }}
