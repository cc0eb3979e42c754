-- one row per interaction that this run works on, as its source states it
{{ union_of_sources('conversations', {
    'source': 'text', 'instance': 'text', 'interaction_id': 'text', 'channel': 'text', 'status': 'text', 'customer_id': 'text',
    'customer_email': 'text', 'account_id': 'text', 'tier': 'text', 'language': 'text', 'topic': 'text', 'priority': 'text',
    'product_area': 'text', 'tags': 'jsonb', 'attributes': 'jsonb', 'quarantined_message_ids': 'jsonb', 'rating': 'numeric',
    'rating_scale_min': 'numeric', 'rating_scale_max': 'numeric', 'is_removed_by_merge': 'boolean', 'started_at': 'timestamptz',
    'solved_at': 'timestamptz', 'closed_at': 'timestamptz', 'deleted_at': 'timestamptz', 'rated_at': 'timestamptz',
    '_cast_errors': 'text[]', '_load_id': 'bigint', '_loaded_at': 'timestamptz'
}) }}
