-- one row per statement of an article that this run works out again
{{ union_of_sources('articles', {
    'article_key': 'text', 'source': 'text', 'instance': 'text', 'article_id': 'text', 'section_id': 'text', 'author_id': 'text',
    'locale': 'text', 'title': 'text', 'body': 'text', 'url': 'text', 'labels': 'jsonb', 'is_draft': 'boolean',
    'is_outdated': 'boolean', 'is_archived': 'boolean', 'is_latest': 'boolean', 'edited_at': 'timestamptz',
    'created_at': 'timestamptz', 'updated_at': 'timestamptz', '_load_id': 'bigint'
}) }}
