{{ config(materialized='table', indexes=[{'columns': ['backlog_date'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per day whose backlog this run works out again: from the first day on which an affected episode was open, to its end
with

spans as (

    select
        {{ utc_date('episodes.started_at') }} as first_date,
        least(
            {{ utc_date("coalesce(episodes.closed_at, episodes.solved_at, 'infinity'::timestamptz)") }},
            {{ utc_date(as_of() ~ " - interval '1 microsecond'") }}
        ) as last_date
    from {{ ref('episodes') }} as episodes
    inner join {{ ref('affected_interactions') }} as affected on episodes.interaction_key = affected.interaction_key

    union

    -- every open episode is still open on the days since the last build
    select
        {{ utc_date('as_of') }} as first_date,
        {{ utc_date(as_of() ~ " - interval '1 microsecond'") }} as last_date
    from {{ source('ops', 'watermarks') }}
    where step = 'marts'

),

final as (

    select distinct days.day::date as backlog_date
    from spans
    cross join lateral generate_series(spans.first_date, spans.last_date, interval '1 day') as days (day)

)

select * from final
