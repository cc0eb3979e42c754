{{
    config(
        unique_key='interaction_key',
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['cluster_id']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per interaction whose question the active model of intents has read: what it said, what the AI agent stated, what was true
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('affected_interactions') }} as affected on interactions.interaction_key = affected.interaction_key
    where interactions.is_eligible

),

models as (

    select * from {{ ref('stg_scores__intent_models') }}

),

scored as (

    select
        interactions.channel,
        interactions.topic,
        interactions.product_area,
        interactions.language,
        interactions.interaction_date,
        interactions.started_at,
        scored.*
    from interactions
    inner join {{ ref('stg_scores__intents') }} as scored
        on
            interactions.started_at = scored.interaction_started_at
            and interactions.interaction_key = scored.interaction_key
            and interactions.input_hash = scored.input_hash

),

stated as (

    select
        answers.interaction_key,
        (array_agg(answers.stated_intent order by answers.sent_at, answers.message_key))[1] as stated_intent
    from interactions
    inner join {{ ref('answers') }} as answers on interactions.interaction_key = answers.interaction_key
    where answers.stated_intent is not null
    group by answers.interaction_key

),

labels as (

    select distinct on (interaction_key)
        interaction_key,
        true_intent
    from {{ ref('stg_feedback__intent_labels') }}
    where message_key is null
    order by interaction_key asc, labelled_at desc nulls last, record_id desc

),

questions as (

    select * from {{ ref('stg_derived__novel_questions') }}

),

joined as (

    select
        scored.*,
        stated.stated_intent,
        coalesce(labels.true_intent, nullif(scored.topic, 'unknown')) as true_intent,
        case
            when labels.interaction_key is not null then 'label'
            when scored.topic <> 'unknown' then 'routing'
        end as true_source,
        questions.cluster_id,
        models.intents as known_intents
    from scored
    inner join models on scored.model_version = models.model_version
    left join stated on scored.interaction_key = stated.interaction_key
    left join labels on scored.interaction_key = labels.interaction_key
    left join questions on scored.interaction_key = questions.interaction_key

),

final as (

    select
        interaction_key,
        nullif(message_key, '') as message_key,
        cluster_id,
        channel,
        product_area,
        language,
        model_version,
        intent as predicted_intent,
        second_intent,
        stated_intent,
        true_intent,
        true_source,
        confidence,
        novelty,
        novelty_percentile,
        is_abstained,
        is_novel,
        (true_intent = any(known_intents)) as is_known_intent,
        case when true_intent = any(known_intents) then intent = true_intent end as is_correct,
        interaction_date,
        started_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from joined

)

select * from final
