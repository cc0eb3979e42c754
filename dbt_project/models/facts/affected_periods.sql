{{ config(materialized='table', indexes=[{'columns': ['period_type', 'period_start'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per day, ISO week and month whose sums this run works out again
with

dates as (

    select * from {{ ref('affected_dates') }}

),

final as (

    select
        'day' as period_type,
        interaction_date as period_start,
        interaction_date as period_end
    from dates

    union

    select
        'week' as period_type,
        date_trunc('week', interaction_date)::date as period_start,
        date_trunc('week', interaction_date)::date + 6 as period_end
    from dates

    union

    select
        'month' as period_type,
        date_trunc('month', interaction_date)::date as period_start,
        (date_trunc('month', interaction_date) + interval '1 month')::date - 1 as period_end
    from dates

)

select * from final
