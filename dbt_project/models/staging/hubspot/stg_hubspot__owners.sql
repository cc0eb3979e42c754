-- one row per owner: renamed and cast, nothing else
select
    {{ hubspot_owner_columns() }}
from {{ source('raw_hubspot', 'owners') }}
