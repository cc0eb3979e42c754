{{
    config(
        unique_key=['interaction_date', 'excluded_reason'],
        scope='affected_dates',
        scope_columns=['interaction_date'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per day and reason for which interactions were not scored
select
    interactions.interaction_date,
    interactions.excluded_reason,
    count(*)::int as interaction_count,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('fct_interactions') }} as interactions
inner join {{ ref('affected_dates') }} as affected on interactions.interaction_date = affected.interaction_date
where interactions.excluded_reason is not null
group by interactions.interaction_date, interactions.excluded_reason
