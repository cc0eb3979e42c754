{{
    config(
        unique_key=['segment_type', 'segment_value', 'evaluator_version'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per segment and judge of sentiment (the lexicon, or the active model): how often it takes a customer message for negative
-- that people did not, and how many negative ones it finds
with

reviews as (

    select
        reviews.interaction_key,
        reviews.message_key,
        avg(
            case
                when reviews.label is null then (reviews.score < {{ var('tier_acceptable') }})::int
                else (lower(reviews.label) = any('{{ "{" ~ var("negative_words") | join(",") ~ "}" }}'))::int
            end
        ) > 0.5 as is_negative
    from {{ ref('stg_feedback__human_reviews') }} as reviews
    where
        reviews.dimension_id = 'sentiment'
        and reviews.indicator_id is null
        and reviews.message_key is not null
    group by reviews.interaction_key, reviews.message_key

),

training as (

    select distinct
        model_id,
        interaction_key
    from {{ ref('stg_scores__model_training') }}

),

messages as (

    select
        sentiment.*,
        reviews.is_negative as is_negative_to_people,
        interactions.tier,
        interactions.topic,
        interactions.product_area,
        accounts.industry
    from {{ ref('fct_message_sentiment') }} as sentiment
    inner join reviews
        on
            sentiment.interaction_key = reviews.interaction_key
            and sentiment.message_key = reviews.message_key
    inner join {{ ref('interactions') }} as interactions on sentiment.interaction_key = interactions.interaction_key
    left join {{ ref('accounts') }} as accounts on interactions.account_key = accounts.account_key

),

judged as (

    select
        messages.*,
        'rule' as evaluator_type,
        'lexicon' as judge,
        (messages.polarity < {{ var('negative_polarity') }}) as is_alarm,
        null::double precision as probability
    from messages
    where messages.polarity is not null

    union all

    -- judgements that the model has learned from prove nothing
    select
        messages.*,
        'model' as evaluator_type,
        messages.model_id as judge,
        messages.is_dissatisfied as is_alarm,
        messages.dissatisfaction as probability
    from messages
    left join training
        on
            messages.model_id = training.model_id
            and messages.interaction_key = training.interaction_key
    where messages.model_id is not null and training.model_id is null

),

counted as (

    select
        slices.segment_type,
        slices.segment_value,
        judged.judge as evaluator_version,
        judged.evaluator_type,
        count(*)::int as n,
        (count(*) filter (where judged.is_negative_to_people))::int as negative_n,
        (count(*) filter (where not judged.is_negative_to_people))::int as not_negative_n,
        (count(*) filter (where judged.is_alarm and not judged.is_negative_to_people))::int as false_alarm_count,
        (count(*) filter (where judged.is_alarm and judged.is_negative_to_people))::int as found_count,
        avg(judged.probability) as mean_dissatisfaction
    from judged
    cross join
        lateral (
            values
            ('all', 'all'),
            ('channel', judged.channel),
            ('language', judged.language),
            ('tier', judged.tier),
            ('topic', judged.topic),
            ('product_area', judged.product_area),
            ('industry', judged.industry)
        ) as slices (segment_type, segment_value)
    where slices.segment_value is not null
    group by slices.segment_type, slices.segment_value, judged.judge, judged.evaluator_type

),

final as (

    select
        segment_type,
        segment_value,
        evaluator_version,
        evaluator_type,
        n,
        negative_n,
        not_negative_n,
        false_alarm_count,
        found_count,
        false_alarm_count::double precision / nullif(not_negative_n, 0) as false_alarm_rate,
        {{ wilson_bound('false_alarm_count', 'not_negative_n', '-') }} as ci_low,
        {{ wilson_bound('false_alarm_count', 'not_negative_n', '+') }} as ci_high,
        found_count::double precision / nullif(negative_n, 0) as recall,
        mean_dissatisfaction,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted

)

select * from final
