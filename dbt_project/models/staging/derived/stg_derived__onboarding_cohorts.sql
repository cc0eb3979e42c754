-- one row per segment and third of accounts by the quality of their first 90 days: how many expanded in the 180 days after
select * from {{ source('derived', 'onboarding_cohorts') }}
