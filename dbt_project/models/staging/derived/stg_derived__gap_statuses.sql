-- one row per gap and status that it had
select * from {{ source('derived', 'gap_statuses') }}
