-- one row per change of status of an interaction that this run works on; null is a status that the model does not know
{{ union_of_sources('status_changes', {
    'source': 'text', 'instance': 'text', 'interaction_id': 'text', 'status': 'text', 'changed_at': 'timestamptz'
}) }}
