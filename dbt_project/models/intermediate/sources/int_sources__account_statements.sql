-- one row per statement of an account that this run works out again
{{ union_of_sources('account_statements', {
    'account_key': 'text', 'tier': 'text', 'segment': 'text', 'plan': 'text', 'stated_health': 'text', 'owner_id': 'text', 'arr': 'numeric',
    'renewal_month': 'int', 'churned_on': 'date', 'created_at': 'timestamptz', 'observed_at': 'timestamptz', '_load_id': 'bigint'
}) }}
