-- one row per message or note of an interaction that this run works on, as its source states it
{{ union_of_sources('messages', {
    'source': 'text', 'instance': 'text', 'interaction_id': 'text', 'message_id': 'text', 'actor': 'text', 'actor_id': 'text',
    'actor_name': 'text', 'stated_actor_name': 'text', 'agent_version': 'text', 'team': 'text', 'author_id': 'text', 'text': 'text',
    'intent': 'text', 'sources': 'jsonb', 'tool_calls': 'jsonb', 'feedback': 'jsonb', 'attributes': 'jsonb', 'position': 'bigint',
    'confidence': 'numeric', 'is_internal': 'boolean', 'sent_at': 'timestamptz', '_cast_errors': 'text[]', '_load_id': 'bigint',
    '_loaded_at': 'timestamptz'
}) }}
