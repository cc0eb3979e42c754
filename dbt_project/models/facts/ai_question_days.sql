{{
    config(
        unique_key=['interaction_date', 'topic', 'source', 'instance', 'agent_version'],
        scope='affected_question_dates',
        scope_columns=['interaction_date'],
        indexes=[]
    )
}}
-- one row per ledger day, topic, instance and version of the AI agent: questions put to AI agents, how many failed, and how many of the
-- episodes ended with a person or came back, each of which counts at the version of its last question; what the rates of knowledge gaps
-- are made of
with

questions as (

    select
        questions.interaction_date,
        questions.topic,
        interactions.source,
        interactions.instance,
        coalesce(questions.agent_version, '') as agent_version,
        questions.interaction_key,
        questions.episode_number,
        questions.question_number,
        questions.message_key,
        questions.outcome
    from {{ ref('ai_questions') }} as questions
    inner join {{ ref('affected_question_dates') }} as dates on questions.interaction_date = dates.interaction_date
    inner join {{ ref('interactions') }} as interactions on questions.interaction_key = interactions.interaction_key

),

failed as (

    select distinct signals.message_key
    from {{ ref('gap_signals') }} as signals
    inner join {{ ref('affected_question_dates') }} as dates on signals.interaction_date = dates.interaction_date
    where signals.signal_type = any('{{ "{" ~ var("gap_failure_signals") | join(",") ~ "}" }}')

),

episodes as (

    select distinct on (interaction_key, episode_number)
        interaction_date,
        topic,
        source,
        instance,
        agent_version,
        outcome
    from questions
    where outcome is not null
    order by interaction_key asc, episode_number asc, question_number desc

),

asked as (

    select
        questions.interaction_date,
        questions.topic,
        questions.source,
        questions.instance,
        questions.agent_version,
        count(*)::int as question_count,
        count(failed.message_key)::int as failed_count
    from questions
    left join failed on questions.message_key = failed.message_key
    group by questions.interaction_date, questions.topic, questions.source, questions.instance, questions.agent_version

),

ended as (

    select
        interaction_date,
        topic,
        source,
        instance,
        agent_version,
        (count(*) filter (where outcome <> 'pending'))::int as ended_count,
        (count(*) filter (where outcome in ('escalated', 'returned')))::int as escalated_or_returned_count
    from episodes
    group by interaction_date, topic, source, instance, agent_version

),

final as (

    select
        asked.interaction_date,
        asked.topic,
        asked.source,
        asked.instance,
        asked.agent_version,
        asked.question_count,
        asked.failed_count,
        coalesce(ended.ended_count, 0) as ended_count,
        coalesce(ended.escalated_or_returned_count, 0) as escalated_or_returned_count
    from asked
    left join ended
        on
            asked.interaction_date = ended.interaction_date
            and asked.topic = ended.topic
            and asked.source = ended.source
            and asked.instance = ended.instance
            and asked.agent_version = ended.agent_version

)

select * from final
