-- one row per statement of an organization that a later one replaced: renamed and cast, nothing else
select
    {{ zendesk_organization_columns() }}
from {{ source('raw_zendesk', 'organizations_history') }}
