{{
    config(
        unique_key=['interaction_date', 'article_key', 'topic'],
        scope='affected_question_dates',
        scope_columns=['interaction_date'],
        indexes=[{'columns': ['article_key']}]
    )
}}
-- one row per ledger day, article and topic: questions whose answers cite the article, and how many of them failed
with

cited as (

    select
        questions.interaction_date,
        questions.topic,
        questions.message_key,
        cited.article_key
    from {{ ref('ai_questions') }} as questions
    inner join {{ ref('affected_question_dates') }} as dates on questions.interaction_date = dates.interaction_date
    cross join lateral unnest(questions.article_keys) as cited (article_key)

),

failed as (

    select
        signals.message_key,
        bool_or(signals.signal_type = any('{{ "{" ~ var("gap_failure_signals") | join(",") ~ "}" }}')) as is_failed,
        bool_or(signals.signal_type = 'unhelpful_answer') as is_unhelpful
    from {{ ref('gap_signals') }} as signals
    inner join {{ ref('affected_question_dates') }} as dates on signals.interaction_date = dates.interaction_date
    group by signals.message_key

),

final as (

    select
        cited.interaction_date,
        cited.article_key,
        cited.topic,
        count(*)::int as question_count,
        (count(*) filter (where failed.is_failed))::int as failed_count,
        (count(*) filter (where failed.is_unhelpful))::int as unhelpful_count
    from cited
    left join failed on cited.message_key = failed.message_key
    group by cited.interaction_date, cited.article_key, cited.topic

)

select * from final
