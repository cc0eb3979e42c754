-- one row per answer to a survey that asks for something else than satisfaction, of an interaction that this run works on
{{ union_of_sources('surveys', {
    'source': 'text', 'instance': 'text', 'interaction_id': 'text', 'record_id': 'text', 'survey_type': 'text', 'rating': 'numeric',
    'rating_scale_min': 'numeric', 'rating_scale_max': 'numeric', 'submitted_at': 'timestamptz'
}) }}
