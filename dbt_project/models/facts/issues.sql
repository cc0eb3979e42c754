{{
    config(
        unique_key=['person_key', 'topic', 'issue_number'],
        scope='affected_issues',
        scope_columns=['person_key', 'topic'],
        indexes=[{'columns': ['issue_key'], 'unique': true}]
    )
}}
-- one row per issue: the episodes of one customer on one topic, stitched while the gap stays within issue_gap_days
with

issue_episodes as (

    select * from {{ ref('issue_episodes') }}
    where (person_key, topic) in (select
        person_key,
        topic
    from {{ ref('affected_issues') }})

),

final as (

    select
        issue_key,
        person_key,
        topic,
        issue_number,
        count(*)::int as episode_count,
        count(distinct interaction_key)::int as interaction_count,
        bool_and(is_solved) as is_solved,
        min(started_at) as started_at,
        max(last_message_at) as last_message_at
    from issue_episodes
    group by issue_key, person_key, topic, issue_number

)

select * from final
