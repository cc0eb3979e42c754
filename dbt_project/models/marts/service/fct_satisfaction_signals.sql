{{
    config(
        unique_key='signal_key',
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key']}, {'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per thing that says how content a customer was: surveys and thumbs as they were given, on their scale, and the sentiment of
-- the last words, a proxy. source_type tells them apart; a proxy is no rating
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('affected_interactions') }} as affected on interactions.interaction_key = affected.interaction_key
    where interactions.is_eligible

),

surveys as (

    select
        ratings.rating_key as signal_key,
        ratings.interaction_key,
        null::text as message_key,
        null::text as agent_key,
        case ratings.rating_type when 'survey' then 'csat' else ratings.rating_type end as source_type,
        ratings.rating::double precision as value,
        ratings.rating_scale_min::double precision as scale_min,
        ratings.rating_scale_max::double precision as scale_max,
        ratings.is_positive,
        ratings.rated_at as given_at
    from {{ ref('ratings') }} as ratings
    inner join interactions on ratings.interaction_key = interactions.interaction_key

),

thumbs as (

    select
        md5(answers.message_key || ':thumbs') as signal_key,
        answers.interaction_key,
        answers.message_key,
        answers.agent_key,
        'thumbs' as source_type,
        answers.is_thumbed_up::int::double precision as value,
        0::double precision as scale_min,
        1::double precision as scale_max,
        answers.is_thumbed_up as is_positive,
        answers.sent_at as given_at
    from {{ ref('answer_feedback') }} as answers
    inner join interactions on answers.interaction_key = interactions.interaction_key
    where answers.is_thumbed_up is not null

),

proxies as (

    select
        md5(interactions.interaction_key || ':sentiment') as signal_key,
        interactions.interaction_key,
        null::text as message_key,
        null::text as agent_key,
        'sentiment_proxy' as source_type,
        sentiment.end_polarity as value,
        (-1)::double precision as scale_min,
        1::double precision as scale_max,
        (sentiment.end_polarity > {{ var('positive_polarity') }}) as is_positive,
        interactions.last_message_at as given_at
    from {{ ref('fct_sentiment_trajectories') }} as sentiment
    inner join interactions on sentiment.interaction_key = interactions.interaction_key
    where sentiment.end_polarity is not null

),

signals as (

    select * from surveys
    union all
    select * from thumbs
    union all
    select * from proxies

),

final as (

    select
        signals.signal_key,
        signals.interaction_key,
        signals.message_key,
        signals.agent_key,
        signals.source_type,
        interactions.channel,
        interactions.topic,
        interactions.tier,
        interactions.handled_by,
        interactions.agent_version,
        signals.value,
        signals.scale_min,
        signals.scale_max,
        100 * (signals.value - signals.scale_min) / nullif(signals.scale_max - signals.scale_min, 0) as score,
        (signals.source_type = 'sentiment_proxy') as is_proxy,
        signals.is_positive,
        interactions.interaction_date,
        signals.given_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from signals
    inner join interactions on signals.interaction_key = interactions.interaction_key

)

select * from final
