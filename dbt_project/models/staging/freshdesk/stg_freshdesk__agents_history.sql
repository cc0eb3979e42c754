-- one row per statement of an agent that a later one replaced: renamed and cast, nothing else
select
    {{ freshdesk_agent_columns() }}
from {{ source('raw_freshdesk', 'agents_history') }}
