-- one row per statement of an article that a later one replaced: renamed and cast, nothing else
select
    {{ intercom_article_columns() }}
from {{ source('raw_intercom', 'articles_history') }}
