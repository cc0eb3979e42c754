-- one row per fix of a gap, with the counts before and after
select * from {{ source('derived', 'gap_fixes') }}
