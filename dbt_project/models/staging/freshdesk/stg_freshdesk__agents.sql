-- one row per agent: renamed and cast, nothing else
select
    {{ freshdesk_agent_columns() }}
from {{ source('raw_freshdesk', 'agents') }}
