-- one row per pair of similar questions whose answers were compared
select * from {{ source('derived', 'answer_verdicts') }}
