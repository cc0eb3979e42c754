-- one row per inter-rater session and dimension
select * from {{ source('derived', 'dimension_ambiguity') }}
