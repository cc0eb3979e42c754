-- one row per outcome, segment and model: the odds ratio of quality, alone and beside what else is known of the account
select * from {{ source('derived', 'adjusted_effects') }}
