{{
    config(
        unique_key=['interaction_key', 'message_key'],
        scope='changed_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per customer message: polarity by the lexicon, dissatisfaction by the active model, markers of context; no text
with

accounts as (

    select * from {{ ref('accounts') }}

),

thresholds as (

    select * from {{ ref('dissatisfaction_thresholds') }}

),

-- with the threshold of their segment
interactions as (

    select
        interactions.*,
        chosen.threshold
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('changed_interactions') }} as changed on interactions.interaction_key = changed.interaction_key
    left join accounts on interactions.account_key = accounts.account_key
    left join
        lateral (
            select thresholds.threshold
            from thresholds
            inner join
                (
                    values
                    ('all', 'all'),
                    ('channel', interactions.channel),
                    ('tier', interactions.tier),
                    ('topic', interactions.topic),
                    ('product_area', interactions.product_area),
                    ('language', interactions.language),
                    ('industry', accounts.industry)
                ) as segments (segment_type, segment_value)
                on
                    thresholds.segment_type = segments.segment_type
                    and thresholds.segment_value = segments.segment_value
            order by
                array_position(
                    array[
                        {% for name in var('dissatisfaction_segments') %}
                            '{{ name }}'{{ "," if not loop.last }}
                        {% endfor %}
                    ],
                    thresholds.segment_type
                )
            limit 1
        ) as chosen
        on true
    where interactions.is_eligible

),

messages as (

    select * from {{ ref('messages') }}

),

-- a message that two sides are judged by has been read in the light of either
learned as (

    select
        scored.interaction_key,
        scored.message_key,
        avg(scored.probability_low) as dissatisfaction,
        max(scored.model_id) as model_id
    from {{ ref('stg_scores__sentiment_scores') }} as scored
    inner join interactions
        on
            scored.interaction_started_at = interactions.started_at
            and scored.interaction_key = interactions.interaction_key
            and scored.input_hash = interactions.input_hash
    group by scored.interaction_key, scored.message_key

),

final as (

    select
        interactions.interaction_key,
        read.message_key,
        interactions.channel,
        interactions.language,
        read.evaluator_version,
        learned.model_id,
        messages.ordinal as message_ordinal,
        read.polarity,
        read.subjectivity,
        learned.dissatisfaction,
        interactions.threshold as dissatisfaction_threshold,
        (learned.dissatisfaction >= interactions.threshold) as is_dissatisfied,
        coalesce(read.has_escalation_request, false) as has_escalation_request,
        coalesce(read.has_repeat_question, false) as has_repeat_question,
        read.response_gap_minutes,
        jsonb_array_length(read.markers) as marker_count,
        messages.sent_at,
        interactions.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from interactions
    inner join {{ ref('stg_scores__message_scores') }} as read
        on
            interactions.started_at = read.interaction_started_at
            and interactions.interaction_key = read.interaction_key
            and interactions.input_hash = read.input_hash
    inner join messages
        on
            interactions.started_at = messages.interaction_started_at
            and read.interaction_key = messages.interaction_key
            and read.message_key = messages.message_key
    left join learned
        on
            read.interaction_key = learned.interaction_key
            and read.message_key = learned.message_key

)

select * from final
