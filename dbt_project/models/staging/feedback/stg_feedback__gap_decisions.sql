-- one row per decision of a person about a knowledge gap
select * from {{ source('feedback', 'gap_decisions') }}
