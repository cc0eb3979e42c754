-- one row per measure of quality, outcome, segment, lag in months and method: how the two go together
select * from {{ source('derived', 'quality_correlations') }}
