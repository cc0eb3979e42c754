-- one row per gap, or what may become one
select * from {{ source('derived', 'gap_candidates') }}
