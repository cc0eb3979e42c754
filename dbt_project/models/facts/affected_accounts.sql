{{ config(materialized='table', indexes=[{'columns': ['account_key'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per organization of which this run works out months: the first and the last of them, whether one is older than the present and
-- the last month, and a number, by which what is counted for its months is grouped at a fraction of the cost of keys. The planner must
-- know how many are worked out from old months on: of these it finds events and contacts by account, of the others by their time
with

spans as (

    select
        account_key,
        min(month_number) as first_month,
        max(month_number) as last_month
    from {{ ref('affected_account_months') }}
    group by account_key

)

select
    account_key,
    first_month,
    last_month,
    row_number() over ()::int as account_number,
    (first_month < {{ last_month_number() }}) as has_old_months,
    {{ month_of_number('first_month') }} as begins_on,
    {{ month_of_number('(last_month + 1)') }} as ends_on,
    {{ month_of_number('first_month') }}::timestamp at time zone 'UTC' as begins_at,
    {{ month_of_number('(last_month + 1)') }}::timestamp at time zone 'UTC' as ends_at
from spans
