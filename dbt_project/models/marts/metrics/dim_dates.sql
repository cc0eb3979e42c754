{{ config(unique_key='date_day', is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per day from the first interaction to the ledger day: the time spine of the semantic layer
select
    days.day::date as date_day,
    date_trunc('week', days.day)::date as week_start,
    date_trunc('month', days.day)::date as month_start,
    date_trunc('quarter', days.day)::date as quarter_start,
    extract(isodow from days.day)::int as iso_weekday,
    (extract(isodow from days.day) > 5) as is_weekend,
    {{ var('ledger_id') }}::bigint as _ledger_id
from (select min(interaction_date) as first_date from {{ ref('interactions') }}) as first_day
cross join
    lateral generate_series(
        first_day.first_date::timestamp,
        {{ utc_date(as_of() ~ " - interval '1 microsecond'") }}::timestamp,
        interval '1 day'
    ) as days (day)
