-- one row per event of product analytics that its vendor no longer states when its day is read again
{{ union_of_sources('removed_product_events', {
    'event_key': 'text', 'occurred_at': 'timestamptz'
}) }}
