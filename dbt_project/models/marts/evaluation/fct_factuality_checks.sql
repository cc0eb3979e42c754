{{
    config(
        unique_key='check_key',
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per claim of an AI answer that a person has held against its source: the verdict, and the article's version of that day
with

checks as (

    select * from {{ ref('stg_feedback__factuality_checks') }}

),

-- the article that the checker names, as it was when the answer was given
read as (

    select distinct on (checks.record_key)
        checks.record_key,
        retrievals.article_key,
        retrievals.article_id,
        retrievals.version_number,
        retrievals.stated_version
    from checks
    inner join {{ ref('article_retrievals') }} as retrievals
        on
            checks.message_key = retrievals.message_key
            and (checks.article_id is null or checks.article_id = retrievals.article_id)
    order by checks.record_key asc, retrievals.relevance desc nulls last, retrievals.retrieval_ordinal asc

),

samples as (

    select distinct message_key
    from {{ ref('fct_evaluation_samples') }}
    where message_key is not null

),

final as (

    select
        checks.record_key as check_key,
        checks.interaction_key,
        checks.message_key,
        read.article_key,
        coalesce(checks.article_id, read.article_id) as article_id,
        coalesce(checks.article_version, read.stated_version, read.version_number::text) as article_version,
        answers.agent_version,
        answers.topic,
        answers.channel,
        checks.verdict,
        {{ episode_stratum('episodes') }} as stratum,
        checks.checked_by,
        coalesce(checks.claim_number, 1) as claim_number,
        answers.stated_confidence,
        (samples.message_key is not null) as is_sampled,
        answers.interaction_date,
        checks.checked_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from checks
    left join read on checks.record_key = read.record_key
    left join {{ ref('fct_ai_answers') }} as answers on checks.message_key = answers.message_key
    left join {{ ref('fct_ai_episodes') }} as episodes
        on
            answers.interaction_key = episodes.interaction_key
            and answers.episode_number = episodes.episode_number
    left join samples on checks.message_key = samples.message_key

)

select * from final
