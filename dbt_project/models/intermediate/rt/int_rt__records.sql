-- one row per record of RT that is no part of a ticket and that landed since core was last built, or that is configured
with

changed as (

    select
        landed.source,
        landed.instance,
        'user' as record_type,
        landed.user_id as record_id,
        'customer' as entity_type,
        null::jsonb as facts
    from {{ ref('stg_rt__users') }} as landed
    where {{ is_pending('landed') }}

    union all

    select
        landed.source,
        landed.instance,
        'queue' as record_type,
        landed.queue_id as record_id,
        null as entity_type,
        null::jsonb as facts
    from {{ ref('stg_rt__queues') }} as landed
    where {{ is_pending('landed') }}

    union all

    -- which accounts are AI agents or automations is configured, which no load brings; nor that one is no longer named
    select
        users.source,
        users.instance,
        'user' as record_type,
        users.user_id as record_id,
        'customer' as entity_type,
        {{ rt_user_facts('users', 'configured') }} as facts
    from {{ ref('stg_ops__source_options') }} as configured
    inner join {{ ref('stg_rt__users') }} as users
        on
            configured.source = users.source
            and configured.instance = users.instance

    union all

    select
        source,
        instance,
        'configuration' as record_type,
        '*' as record_id,
        null as entity_type,
        facts
    from {{ ref('int_rt__configuration') }}

)

select * from changed
