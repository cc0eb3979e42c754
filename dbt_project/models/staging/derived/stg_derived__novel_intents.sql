-- one row per cluster of new questions, with what people decided about it
select * from {{ source('derived', 'novel_intents') }}
