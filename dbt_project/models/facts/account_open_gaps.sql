{{ config(materialized='table', indexes=[{'columns': ['account_key', 'month_number'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per organization and month at whose end (or at the end of the ledger day, in the present month) knowledge gaps were open that
-- its people had asked about in vain by then. Gaps are few: they are looked at whole in every run
with

openings as (

    select
        gap_id,
        since,
        coalesce(until, 'infinity') as until,
        {{ month_number("since at time zone 'UTC'") }} as first_month,
        {{ month_number("least(until, " ~ as_of() ~ " - interval '1 microsecond') at time zone 'UTC'") }} as last_month
    from {{ ref('fct_knowledge_gap_statuses') }}
    where status in ('open', 'drafting', 'published') and since <= {{ as_of() }}

),

months as (

    select
        openings.gap_id,
        months.month_number
    from openings
    cross join lateral generate_series(openings.first_month, openings.last_month) as months (month_number)
    cross join
        lateral (
            select
                least({{ month_of_number('(months.month_number + 1)') }}::timestamp at time zone 'UTC', {{ as_of() }}) as ends_at
        ) as ends
    where ends.ends_at >= openings.since and ends.ends_at < openings.until

),

askers as (

    select
        signals.gap_id,
        interactions.organization_key as account_key,
        {{ month_number('min(signals.interaction_date)') }} as first_month
    from {{ ref('fct_knowledge_gap_signals') }} as signals
    inner join {{ ref('fct_interactions') }} as interactions on signals.interaction_key = interactions.interaction_key
    where
        interactions.organization_key is not null
        and signals.gap_id in (select months.gap_id from months)
    group by signals.gap_id, interactions.organization_key

),

final as (

    select
        askers.account_key,
        months.month_number,
        count(distinct months.gap_id)::int as open_gap_count
    from askers
    inner join months on askers.gap_id = months.gap_id and askers.first_month <= months.month_number
    group by askers.account_key, months.month_number

)

select * from final
