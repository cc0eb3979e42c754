-- one row per gap, with the counts that make it one
select * from {{ source('derived', 'gap_measures') }}
