-- one row per statement of an article that a later one replaced: renamed and cast, nothing else
select
    {{ zendesk_article_columns() }}
from {{ source('raw_zendesk', 'articles_history') }}
