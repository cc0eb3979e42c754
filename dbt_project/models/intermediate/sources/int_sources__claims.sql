-- one row per record that changed, rule and value by which it could be known as somebody
{{ union_of_sources('claims', {
    'entity_type': 'text', 'record_key': 'text', 'entity_key': 'text', 'account_key': 'text', 'source': 'text', 'instance': 'text',
    'rule': 'text', 'value': 'text'
}) }}
