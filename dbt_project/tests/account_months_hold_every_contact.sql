-- every interaction of a known account is counted in its month, up to the month of the ledger day; looked at where this build worked
with

stated as (

    select
        interactions.organization_key as account_key,
        date_trunc('month', interactions.interaction_date::timestamp)::date as month_start,
        count(*) as interaction_count
    from {{ ref('affected_interactions') }} as affected
    inner join {{ ref('fct_interactions') }} as interactions on affected.interaction_key = interactions.interaction_key
    where
        interactions.organization_key is not null
        and interactions.interaction_date <= {{ utc_date(as_of() ~ " - interval '1 microsecond'") }}
        and {{ is_contact('interactions') }}
    group by interactions.organization_key, date_trunc('month', interactions.interaction_date::timestamp)

)

-- the month may hold more than what this build worked on, but not less
select
    stated.account_key,
    stated.month_start
from stated
left join {{ ref('fct_account_months') }} as months
    on
        stated.account_key = months.account_key
        and stated.month_start = months.month_start
where coalesce(months.interaction_count, 0) < stated.interaction_count
