-- one row per handoff that a source states of an interaction that this run works on
{{ union_of_sources('handoffs', {
    'source': 'text', 'instance': 'text', 'interaction_id': 'text', 'stated_by': 'text', 'from_agent_key': 'text', 'reason': 'text',
    'handed_off_at': 'timestamptz'
}) }}
