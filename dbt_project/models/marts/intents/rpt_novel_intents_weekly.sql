{{ config(unique_key=['cluster_id', 'period_start'], is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per cluster of new questions and ISO week in which one of them was asked: volume, what people decided, what is to be done
with

weeks as (

    select
        cluster_id,
        date_trunc('week', asked_on)::date as period_start,
        count(*)::int as question_count
    from {{ ref('stg_derived__novel_questions') }}
    where cluster_id is not null
    group by cluster_id, date_trunc('week', asked_on)

),

clusters as (

    select * from {{ ref('stg_derived__novel_intents') }}

),

final as (

    select
        weeks.cluster_id,
        clusters.name as cluster_name,
        clusters.status,
        clusters.intent as promoted_intent,
        coalesce(clusters.owner_team, '{{ var("default_owner_team") }}') as owner_team,
        case
            when clusters.status = 'promoted' and not clusters.is_learned then 'train_again'
            when clusters.status <> 'open' then 'none'
            when clusters.question_count >= {{ var('novel_review_questions') }} then 'review'
            else 'wait'
        end as recommended_action,
        weeks.question_count,
        (
            sum(weeks.question_count) over (
                partition by weeks.cluster_id order by weeks.period_start rows between unbounded preceding and current row
            )
        )::int as cumulative_question_count,
        clusters.question_count as all_question_count,
        clusters.novel_count as still_novel_count,
        clusters.is_learned,
        weeks.period_start,
        clusters.first_seen_at,
        clusters.last_seen_at,
        clusters.decided_at,
        clusters.promoted_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from weeks
    inner join clusters on weeks.cluster_id = clusters.cluster_id

)

select * from final
