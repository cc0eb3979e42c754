-- one row per record that is no part of an interaction and that landed since core was last built; or that an instance's
-- configuration states, which no load brings, with its facts
{{ union_of_sources('records', {
    'source': 'text', 'instance': 'text', 'record_type': 'text', 'record_id': 'text', 'entity_type': 'text', 'facts': 'jsonb'
}) }}
