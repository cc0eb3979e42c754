-- one row per month, comparison, evaluator, side, segment, dimension and figure of agreement
select * from {{ source('derived', 'agreement') }}
