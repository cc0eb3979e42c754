-- one row per statement of an agent's place in a group that a later one replaced: renamed and cast, nothing else
select
    {{ zendesk_membership_columns() }}
from {{ source('raw_zendesk', 'group_memberships_history') }}
