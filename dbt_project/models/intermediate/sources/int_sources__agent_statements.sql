-- one row per statement of the team, the role or the leaving of an agent that this run works out again
{{ union_of_sources('agent_statements', {
    'agent_key': 'text', 'aspect': 'text', 'value': 'text', 'stated_at': 'timestamptz', '_load_id': 'bigint'
}) }}
