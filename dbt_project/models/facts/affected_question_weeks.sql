{{ config(materialized='table', indexes=[{'columns': ['week_start'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per ISO week in which this run compares the answers to similar questions again
with

dates as (

    select * from {{ ref('affected_question_dates') }}

)

select distinct date_trunc('week', interaction_date)::date as week_start
from dates
