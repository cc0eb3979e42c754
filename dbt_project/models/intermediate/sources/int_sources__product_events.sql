-- one row per event of product analytics; who reads it asks by load
{{ union_of_sources('product_events', {
    'event_key': 'text', 'customer_key': 'text', 'source': 'text', 'instance': 'text', 'event_id': 'text', 'event_name': 'text',
    'properties': 'jsonb', 'occurred_at': 'timestamptz', 'received_at': 'timestamptz', '_load_id': 'bigint'
}) }}
