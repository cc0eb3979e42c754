{{
    config(
        unique_key='interaction_date',
        scope='affected_dates',
        scope_columns=['interaction_date'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per day: every interaction is scored, excluded with a reason, or waits
with

interactions as (

    select interactions.*
    from {{ ref('fct_interactions') }} as interactions
    inner join {{ ref('affected_dates') }} as affected on interactions.interaction_date = affected.interaction_date

),

final as (

    select
        interaction_date,
        count(*)::int as interaction_count,
        count(*) filter (where is_eligible)::int as eligible_count,
        count(*) filter (where scoring_status = 'scored')::int as scored_count,
        count(*) filter (where scoring_status = 'excluded')::int as excluded_count,
        count(*) filter (where scoring_status = 'pending')::int as pending_count,
        (count(*) filter (where scoring_status = 'scored'))::double precision
        / nullif(count(*) filter (where is_eligible), 0) as coverage_rate,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from interactions
    group by interaction_date

)

select * from final
