{{
    config(
        unique_key=['interaction_date', 'subject', 'bin_number'],
        scope='affected_dates',
        scope_columns=['interaction_date'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per day, judged side and tenth of the scale: how many total scores fell into it
with

final as (

    select
        scores.subject,
        least(9, floor(scores.total_score / 10))::int as bin_number,
        count(*)::int as n,
        scores.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from {{ ref('affected_dates') }} as dates
    inner join {{ ref('fct_interaction_scores') }} as scores on dates.interaction_date = scores.interaction_date
    where scores.total_score is not null
    group by scores.interaction_date, scores.subject, least(9, floor(scores.total_score / 10))

)

select * from final
