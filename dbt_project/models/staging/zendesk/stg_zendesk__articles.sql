-- one row per article in a language: renamed and cast, nothing else
select
    {{ zendesk_article_columns() }}
from {{ source('raw_zendesk', 'articles') }}
