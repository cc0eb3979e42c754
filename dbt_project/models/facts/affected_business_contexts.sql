{{ config(materialized='table', indexes=[{'columns': ['interaction_key'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per interaction whose business context this run works out again: it is affected itself, or what is known of the revenue of
-- its organization has changed since the marts were last built
with

last_build as (

    select coalesce(max(run_id), 0) as run_id
    from {{ source('ops', 'watermarks') }}
    where step = 'marts'

),

-- since when what is known of them may be another
organizations as (

    select
        changed.account_key,
        min(changed.since) as since
    from (
        select
            organizations.account_key,
            '-infinity'::timestamptz as since
        from {{ ref('organizations') }} as organizations
        inner join last_build on last_build.run_id > 0 and organizations._ledger_id > last_build.run_id

        union all

        select
            periods.account_key,
            periods.valid_from as since
        from {{ ref('organization_periods') }} as periods
        inner join last_build on last_build.run_id > 0 and periods._ledger_id > last_build.run_id
    ) as changed
    group by changed.account_key

)

select interaction_key
from {{ ref('affected_interactions') }}

union

select interactions.interaction_key
from organizations
inner join {{ ref('fct_interactions') }} as interactions
    on
        organizations.account_key = interactions.organization_key
        and organizations.since <= {{ begun_at('interactions') }}
