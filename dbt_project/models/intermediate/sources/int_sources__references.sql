-- one row per interaction that this run works on and record that it reads, with the time for which it reads it
{{ union_of_sources('references', {
    'source': 'text', 'instance': 'text', 'interaction_id': 'text', 'record_type': 'text', 'record_id': 'text',
    'used_from': 'timestamptz', 'used_to': 'timestamptz'
}) }}
