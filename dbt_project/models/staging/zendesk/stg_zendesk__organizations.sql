-- one row per organization: renamed and cast, nothing else
select
    {{ zendesk_organization_columns() }}
from {{ source('raw_zendesk', 'organizations') }}
