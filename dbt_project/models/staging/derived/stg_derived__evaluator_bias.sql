-- one row per reviewer and dimension
select * from {{ source('derived', 'evaluator_bias') }}
