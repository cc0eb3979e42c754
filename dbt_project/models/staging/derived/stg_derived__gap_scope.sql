-- one row per interaction whose rows of gap marts this run works out again
select * from {{ source('derived', 'gap_scope') }}
