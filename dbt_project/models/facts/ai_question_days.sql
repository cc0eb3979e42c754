{{
    config(
        unique_key=['interaction_date', 'topic'],
        scope='affected_question_dates',
        scope_columns=['interaction_date'],
        indexes=[]
    )
}}
-- one row per ledger day and topic: questions put to AI agents, how many failed, and how many of the episodes ended with a person or
-- came back; what the rates of knowledge gaps are made of
with

questions as (

    select
        questions.interaction_date,
        questions.topic,
        questions.interaction_key,
        questions.episode_number,
        questions.message_key
    from {{ ref('ai_questions') }} as questions
    inner join {{ ref('affected_question_dates') }} as dates on questions.interaction_date = dates.interaction_date

),

failed as (

    select distinct signals.message_key
    from {{ ref('gap_signals') }} as signals
    inner join {{ ref('affected_question_dates') }} as dates on signals.interaction_date = dates.interaction_date
    where signals.signal_type = any('{{ "{" ~ var("gap_failure_signals") | join(",") ~ "}" }}')

),

episodes as (

    select distinct
        questions.interaction_date,
        questions.topic,
        questions.interaction_key,
        questions.episode_number,
        outcomes.outcome
    from questions
    inner join {{ ref('outcomes') }} as outcomes
        on
            questions.interaction_key = outcomes.interaction_key
            and questions.episode_number = outcomes.episode_number

),

asked as (

    select
        questions.interaction_date,
        questions.topic,
        count(*)::int as question_count,
        count(failed.message_key)::int as failed_count
    from questions
    left join failed on questions.message_key = failed.message_key
    group by questions.interaction_date, questions.topic

),

ended as (

    select
        interaction_date,
        topic,
        (count(*) filter (where outcome <> 'pending'))::int as ended_count,
        (count(*) filter (where outcome in ('escalated', 'returned')))::int as escalated_or_returned_count
    from episodes
    group by interaction_date, topic

),

final as (

    select
        asked.interaction_date,
        asked.topic,
        asked.question_count,
        asked.failed_count,
        coalesce(ended.ended_count, 0) as ended_count,
        coalesce(ended.escalated_or_returned_count, 0) as escalated_or_returned_count
    from asked
    left join ended
        on
            asked.interaction_date = ended.interaction_date
            and asked.topic = ended.topic

)

select * from final
