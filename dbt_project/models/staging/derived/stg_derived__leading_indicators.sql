-- one row per outcome and segment: by how many weeks quality moves first, judged by forecasts of weeks that no choice has seen
select * from {{ source('derived', 'leading_indicators') }}
