-- one row per model and judged side of an interaction that it has learned from
select * from {{ source('scores', 'model_training') }}
