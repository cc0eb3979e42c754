-- one row per interaction that landed and merge that it states: which interaction went into which
{{ union_of_sources('merges', {
    'source': 'text', 'instance': 'text', 'interaction_id': 'text', 'loser_id': 'text', 'survivor_id': 'text'
}) }}
