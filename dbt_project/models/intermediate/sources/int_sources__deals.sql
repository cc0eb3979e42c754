-- one row per deal that this run works out again
{{ union_of_sources('deals', {
    'deal_key': 'text', 'account_key': 'text', 'source': 'text', 'instance': 'text', 'deal_id': 'text', 'owner_id': 'text',
    'deal_name': 'text', 'deal_kind': 'text', 'pipeline_id': 'text', 'stage_id': 'text', 'stage_label': 'text', 'outcome': 'text',
    'amount': 'numeric', 'arr_before': 'numeric', 'arr_after': 'numeric', 'is_archived': 'boolean', 'close_date': 'date',
    'created_at': 'timestamptz', 'updated_at': 'timestamptz'
}) }}
