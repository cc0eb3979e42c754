-- one row per claim of a user of the product: what one event has said of a user stays said, so each claim is a record of its own
with

events as (

    select distinct
        events.source,
        events.instance,
        {{ entity_key('events.distinct_id', 'events.source', 'events.instance') }} as entity_key,
        events.email,
        -- an anonymous device is nobody until it says whose it is
        coalesce(events.user_id, case when events.distinct_id not like '$device:%' then events.distinct_id end) as external_id
    from {{ ref('stg_mixpanel__events') }} as events
    where events.distinct_id is not null and {{ is_pending('events') }}

)

select
    'customer' as entity_type,
    case when claims.rule = 'self' then events.entity_key else md5(events.entity_key || claims.rule || claims.value) end
        as record_key,
    events.entity_key,
    null as account_key,
    events.source,
    events.instance,
    claims.rule,
    claims.value
from events
cross join
    lateral (
        values ('self', events.entity_key), ('email', lower(trim(events.email))), ('external_id', trim(events.external_id))
    ) as claims (rule, value)
