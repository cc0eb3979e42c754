-- one row per statement of an event that left or was replaced; who reads it asks by load
{{ union_of_sources('replaced_product_events', {
    'customer_key': 'text', 'event_name': 'text', 'occurred_at': 'timestamptz', '_replaced_by_load_id': 'bigint'
}) }}
