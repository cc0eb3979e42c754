-- one row per change of the agent or team of an interaction that this run works on; null is nobody
{{ union_of_sources('assignments', {
    'source': 'text', 'instance': 'text', 'interaction_id': 'text', 'agent_id': 'text', 'team': 'text', 'position': 'bigint',
    'assigned_at': 'timestamptz'
}) }}
