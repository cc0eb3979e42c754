{{ config(unique_key='agent_key', indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per agent, human, AI or automation
select
    agent_key,
    source,
    instance,
    agent_id,
    agent_name,
    kind,
    automation_reason,
    role,
    team,
    agent_version,
    hired_at,
    left_at,
    first_seen_at,
    last_seen_at,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('agents') }}
