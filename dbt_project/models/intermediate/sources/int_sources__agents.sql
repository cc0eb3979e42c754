-- one row per agent that a source lists, of those that this run works out again
{{ union_of_sources('agents', {
    'agent_key': 'text', 'source': 'text', 'instance': 'text', 'agent_id': 'text', 'agent_name': 'text', 'kind': 'text',
    'automation_reason': 'text', 'hired_at': 'timestamptz', 'left_at': 'timestamptz'
}) }}
