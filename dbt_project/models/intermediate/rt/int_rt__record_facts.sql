-- one row per record of RT that changed: what tickets read of it
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'rt'

),

users as (

    select
        users.source,
        users.instance,
        'user' as record_type,
        users.user_id as record_id,
        null::timestamptz as observed_at,
        users._load_id,
        {{ rt_user_facts('users', 'configured') }} as facts
    from changed
    inner join {{ ref('stg_rt__users') }} as users
        on
            changed.source = users.source
            and changed.instance = users.instance
            and changed.record_id = users.user_id
    left join {{ ref('stg_ops__source_options') }} as configured
        on
            changed.source = configured.source
            and changed.instance = configured.instance
    where changed.record_type = 'user'

),

queues as (

    select
        queues.source,
        queues.instance,
        'queue' as record_type,
        queues.queue_id as record_id,
        null::timestamptz as observed_at,
        queues._load_id,
        jsonb_build_object('team', queues.queue_name) as facts
    from changed
    inner join {{ ref('stg_rt__queues') }} as queues
        on
            changed.source = queues.source
            and changed.instance = queues.instance
            and changed.record_id = queues.queue_id
    where changed.record_type = 'queue'

),

configuration as (

    select
        configured.source,
        configured.instance,
        'configuration' as record_type,
        '*' as record_id,
        null::timestamptz as observed_at,
        0::bigint as _load_id,
        configured.facts
    from changed
    inner join {{ ref('int_rt__configuration') }} as configured
        on
            changed.source = configured.source
            and changed.instance = configured.instance
    where changed.record_type = 'configuration'

),

final as (

    select * from users
    union all
    select * from queues
    union all
    select * from configuration

)

select * from final
