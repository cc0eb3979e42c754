{{
    config(
        unique_key=['source', 'instance', 'word', 'article_key', 'valid_from'],
        is_whole=true,
        indexes=[]
    )
}}
-- one row per version of an article that customers can read and word of it that may tell articles apart: a reply finds the articles
-- that share its words without being held against all of them
select distinct
    article_words.source,
    article_words.instance,
    terms.word,
    article_words.article_key,
    article_words.valid_from,
    article_words.valid_to
from {{ ref('article_words') }} as article_words
cross join lateral unnest(article_words.words) as terms (word)
where length(terms.word) >= {{ var('term_letters') }}
