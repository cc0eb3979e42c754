-- one row per segment, window and band of quality: how many accounts leave after it
select * from {{ source('derived', 'quality_threshold_effects') }}
