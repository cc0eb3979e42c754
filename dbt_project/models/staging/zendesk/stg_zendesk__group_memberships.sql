-- one row per agent's place in a group: renamed and cast, nothing else
select
    {{ zendesk_membership_columns() }}
from {{ source('raw_zendesk', 'group_memberships') }}
