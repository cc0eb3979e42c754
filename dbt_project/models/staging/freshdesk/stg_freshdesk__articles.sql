-- one row per article: renamed and cast, nothing else
select
    {{ freshdesk_article_columns() }}
from {{ source('raw_freshdesk', 'articles') }}
