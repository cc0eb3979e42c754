{{
    config(
        unique_key='status_event_key',
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key', 'changed_at']}]
    )
}}
-- one row per change of status: every one where the source tells them, else the opening and the end
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join pending on interactions.interaction_key = pending.interaction_key

),

told as (

    select
        interactions.interaction_key,
        changes.status,
        changes.changed_at
    from interactions
    inner join {{ ref('int_sources__status_changes') }} as changes
        on
            interactions.source = changes.source
            and interactions.instance = changes.instance
            and interactions.interaction_id = changes.interaction_id
    where not interactions.is_deleted

),

stated as (

    select * from told
    where status is not null

    union

    select
        interactions.interaction_key,
        'new' as status,
        interactions.started_at as changed_at
    from interactions
    where interactions.started_at is not null and interactions.interaction_key not in (select told.interaction_key from told)

    union

    select
        interactions.interaction_key,
        interactions.status,
        interactions.solved_at as changed_at
    from interactions
    where interactions.solved_at is not null and interactions.interaction_key not in (select told.interaction_key from told)

),

final as (

    select
        md5(interaction_key || ':' || status || ':' || changed_at) as status_event_key,
        interaction_key,
        status,
        changed_at
    from stated

)

select * from final
