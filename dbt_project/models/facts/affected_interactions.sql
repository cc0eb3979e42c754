{{
    config(
        materialized='table',
        indexes=[{'columns': ['interaction_key'], 'unique': true}, {'columns': ['person_key', 'topic']}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per interaction whose facts this run works out again: it changed, a window of it ended since the last build, its
-- customer did in the product what it is about, or it shares person and topic with one of those
with

changes as (

    select changes.*
    from {{ ref('stg_ops__interaction_changes') }} as changes
    cross join (
        select coalesce(max(change_id), 0) as change_id
        from {{ source('ops', 'watermarks') }}
        where step = 'marts'
    ) as watermark
    where changes.change_id > watermark.change_id

),

previous_build as (

    select max(as_of) as as_of
    from {{ source('ops', 'watermarks') }}
    where step = 'marts'

),

interactions as (

    select * from {{ ref('interactions') }}

),

windows (window_length) as (

    select interval '{{ var("episode_idle_hours") }} hours'
    union
    select interval '{{ var("containment_hours") }} hours'
    union
    select interval '{{ var("action_hours") }} hours'
    union
    select interval '{{ var("durable_days") }} days'
    {% for days in var('fcr_windows_days') %}
        union
        select interval '{{ days }} days'
    {% endfor %}

),

due as (

    -- episodes that turn idle and observation windows that end change without any new message
    select interactions.interaction_key
    from previous_build
    cross join windows
    inner join interactions
        on
            interactions.last_message_at > previous_build.as_of - windows.window_length
            and interactions.last_message_at <= {{ as_of() }} - windows.window_length

    union

    select interactions.interaction_key
    from previous_build
    cross join windows
    inner join interactions
        on
            interactions.solved_at > previous_build.as_of - windows.window_length
            and interactions.solved_at <= {{ as_of() }} - windows.window_length

    union

    -- whether a contact stayed the only one of its issue is known once the gap after it has passed, reopened or not
    select episodes.interaction_key
    from previous_build
    inner join {{ built_before('facts', 'episodes', {'interaction_key': 'text', 'last_message_at': 'timestamptz'}) }} as episodes
        on
            episodes.last_message_at > previous_build.as_of - interval '{{ var("issue_gap_days") }} days'
            and episodes.last_message_at <= {{ as_of() }} - interval '{{ var("issue_gap_days") }} days'

    union

    -- a first contact is judged when its window has passed, whatever became of the interaction since
    select episodes.interaction_key
    from previous_build
    cross join windows
    inner join {{ built_before('facts', 'episodes', {'interaction_key': 'text', 'solved_at': 'timestamptz'}) }} as episodes
        on
            episodes.solved_at > previous_build.as_of - windows.window_length
            and episodes.solved_at <= {{ as_of() }} - windows.window_length

),

new_loads as (

    select loads.load_id
    from {{ ref('stg_ops__loads') }} as loads
    where
        loads.registered_run_id > (
            select coalesce(max(run_id), 0) as run_id
            from {{ source('ops', 'watermarks') }}
            where step = 'marts'
        )

),

-- what landed of product analytics, late or not, and what its vendor no longer states
events as (

    select
        customer_key,
        event_name,
        occurred_at
    from {{ ref('int_sources__product_events') }}
    where
        _load_id >= (select min(load_id) from new_loads)
        and _load_id in (select load_id from new_loads)

    union all

    select
        customer_key,
        event_name,
        occurred_at
    from {{ ref('int_sources__replaced_product_events') }}
    where
        _replaced_by_load_id >= (select min(load_id) from new_loads)
        and _replaced_by_load_id in (select load_id from new_loads)

),

acted as (

    select distinct interactions.interaction_key
    from events
    inner join {{ ref('target_actions') }} as target_actions on events.event_name = target_actions.event_name
    inner join {{ ref('customers') }} as customers on events.customer_key = customers.customer_key
    inner join interactions
        on
            customers.person_key = interactions.person_key
            and target_actions.topic = interactions.topic
            and events.occurred_at >= interactions.started_at
            and events.occurred_at <= interactions.last_message_at + interval '{{ var("action_hours") }} hours'
    where events.occurred_at is not null

),

direct as (

    select interaction_key from changes
    union
    select interaction_key from due
    union
    select interaction_key from acted

),

issues_touched as (

    select
        interactions.person_key,
        interactions.topic
    from direct
    inner join interactions on direct.interaction_key = interactions.interaction_key
    where interactions.person_key is not null

    union

    select
        previous_person_key as person_key,
        previous_topic as topic
    from changes
    where previous_person_key is not null

),

keys as (

    select interaction_key from direct

    union

    select interactions.interaction_key
    from issues_touched
    inner join interactions
        on
            issues_touched.person_key = interactions.person_key
            and issues_touched.topic = interactions.topic

),

final as (

    select
        keys.interaction_key,
        interactions.person_key,
        interactions.topic,
        interactions.interaction_date
    from keys
    left join interactions on keys.interaction_key = interactions.interaction_key

)

select * from final
