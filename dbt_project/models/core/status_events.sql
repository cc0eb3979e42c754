{{
    config(
        unique_key='status_event_key',
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key']}]
    )
}}
-- one row per change of status that a source states; a conversation file states the opening and the end
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join pending on interactions.interaction_key = pending.interaction_key

),

stated as (

    select
        interaction_key,
        'new' as status,
        started_at as changed_at
    from interactions
    where started_at is not null

    union all

    select
        interaction_key,
        status,
        solved_at as changed_at
    from interactions
    where solved_at is not null

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
