-- one row per statement of an article that a later one replaced: renamed and cast, nothing else
select
    {{ freshdesk_article_columns() }}
from {{ source('raw_freshdesk', 'articles_history') }}
