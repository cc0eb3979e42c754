-- one row per month, with the run that last worked its agreement out
select * from {{ source('derived', 'agreement_inputs') }}
