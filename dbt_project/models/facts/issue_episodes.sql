{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['person_key', 'topic']}]
    )
}}
-- depends_on: {{ ref('affected_interactions') }}
-- one row per episode of a known person with the issue it belongs to, and first-contact resolution in each window
with

affected as (

    select * from {{ ref('affected_issues') }}

),

episodes as (

    select episodes.*
    from {{ ref('episodes') }} as episodes
    inner join affected
        on
            episodes.person_key = affected.person_key
            and episodes.topic = affected.topic

),

ordered as (

    select
        *,
        max(last_message_at) over (
            partition by person_key, topic order by started_at, interaction_key, episode_number
            rows between unbounded preceding and 1 preceding
        ) as previous_activity_at,
        lead(started_at) over (
            partition by person_key, topic order by started_at, interaction_key, episode_number
        ) as next_started_at
    from episodes

),

numbered as (

    select
        *,
        sum(
            case
                when
                    previous_activity_at is null
                    or started_at - previous_activity_at > interval '{{ var("issue_gap_days") }} days' then 1
                else 0
            end
        ) over (partition by person_key, topic order by started_at, interaction_key, episode_number) as issue_number
    from ordered

),

final as (

    select
        interaction_key,
        episode_number,
        person_key,
        topic,
        md5(person_key || ':' || topic || ':' || issue_number) as issue_key,
        issue_number::int as issue_number,
        row_number() over (
            partition by person_key, topic, issue_number order by started_at, interaction_key, episode_number
        )::int as contact_number,
        is_solved,
        {%- for days in var('fcr_windows_days') %}
        -- null where the first contact was not solved, and while the window is open, whoever has come back in it: the newest days would be
        -- those who came back alone
            case
                when not is_solved or solved_at is null then null
                when solved_at + interval '{{ days }} days' > {{ as_of() }} then null
                when next_started_at <= solved_at + interval '{{ days }} days' then false
                else true
            end as is_resolved_{{ days }}d,
        {%- endfor %}
        started_at,
        last_message_at,
        solved_at,
        next_started_at
    from numbered

)

select * from final
