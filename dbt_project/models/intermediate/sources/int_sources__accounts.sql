-- one row per account that a source lists, of those that this run works out again
{{ union_of_sources('accounts', {
    'account_key': 'text', 'source': 'text', 'instance': 'text', 'account_id': 'text', 'owner_id': 'text', 'account_name': 'text',
    'tier': 'text', 'segment': 'text', 'industry': 'text', 'country': 'text', 'lifecycle_stage': 'text', 'arr': 'numeric',
    'renewal_month': 'int', 'is_in_crm': 'boolean', 'is_archived': 'boolean', 'churned_on': 'date', 'created_at': 'timestamptz'
}) }}
