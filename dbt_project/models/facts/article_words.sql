{{ config(unique_key=['article_key', 'valid_from'], is_whole=true, indexes=[]) }}
-- one row per version of an article that customers can read, with its distinct words: what a reply is held against
select
    article_key,
    source,
    instance,
    {{ word_set("concat_ws(' ', title, regexp_replace(body, '<[^>]*>', ' ', 'g'))") }} as words,
    valid_from,
    valid_to
from {{ ref('article_versions') }}
where not is_draft and not is_archived
