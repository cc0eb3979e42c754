-- one row per question to an AI agent that failed, and of broad topics of a sample that did not, with the gap it belongs to
select * from {{ source('derived', 'gap_questions') }}
