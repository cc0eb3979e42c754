-- one row per article: renamed and cast, nothing else
select
    {{ intercom_article_columns() }}
from {{ source('raw_intercom', 'articles') }}
