{{ config(materialized='table', indexes=[{'columns': ['week_start'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per week, by its Monday, whose quality by segment this run works out again: an interaction of it was scored, came, moved or
-- left, or what is known of an account that wrote in it has changed
with

contexts as (

    select contexts.interaction_date
    from {{ ref('affected_business_contexts') }} as affected
    inner join {{ ref('fct_interaction_business_context') }} as contexts on affected.interaction_key = contexts.interaction_key

),

dates as (

    select interaction_date from {{ ref('affected_dates') }}

    union

    select interaction_date from contexts

)

select distinct date_trunc('week', interaction_date)::date as week_start
from dates
