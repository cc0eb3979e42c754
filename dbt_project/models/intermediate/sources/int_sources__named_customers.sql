-- one row per interaction that landed and itself says by which address its customer is known
{{ union_of_sources('named_customers', {
    'source': 'text', 'instance': 'text', 'interaction_id': 'text', 'customer_id': 'text', 'customer_email': 'text'
}) }}
