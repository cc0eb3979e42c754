-- one row per record that changed and moment: what interactions read of it
{{ union_of_sources('record_facts', {
    'source': 'text', 'instance': 'text', 'record_type': 'text', 'record_id': 'text', 'facts': 'jsonb',
    'observed_at': 'timestamptz', '_load_id': 'bigint'
}) }}
