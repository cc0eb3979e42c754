-- one row per pair of articles and kind of claim in which they differ
select * from {{ source('derived', 'article_conflicts') }}
