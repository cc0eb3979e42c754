{{
    config(
        unique_key=['period_start', 'true_source', 'true_intent', 'predicted_intent'],
        scope='affected_label_months',
        scope_columns=['period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month, source of the truth, true intent and intent that the AI agent stated: how many of its episodes, right or confused
with

labels as (

    select distinct on (interaction_key)
        interaction_key,
        true_intent
    from {{ ref('stg_feedback__intent_labels') }}
    where message_key is null
    order by interaction_key asc, labelled_at desc nulls last, record_id desc

),

-- what people say wins over where the conversation ended up
judged as (

    select
        months.period_start,
        case when labels.interaction_key is null then 'routing' else 'label' end as true_source,
        coalesce(labels.true_intent, episodes.topic) as true_intent,
        episodes.stated_intent as predicted_intent
    from {{ ref('affected_label_months') }} as months
    inner join {{ ref('fct_ai_episodes') }} as episodes
        on
            episodes.interaction_date >= months.period_start
            and episodes.interaction_date < months.period_start + interval '1 month'
    left join labels on episodes.interaction_key = labels.interaction_key
    where
        episodes.stated_intent is not null
        and coalesce(labels.true_intent, episodes.topic) is not null
        and (labels.interaction_key is not null or episodes.topic <> 'unknown')

),

pairs as (

    select
        period_start,
        true_source,
        true_intent,
        predicted_intent,
        count(*)::int as pair_count
    from judged
    group by period_start, true_source, true_intent, predicted_intent

),

final as (

    select
        true_source,
        true_intent,
        predicted_intent,
        pair_count,
        (sum(pair_count) over intents)::int as n,
        coalesce(sum(pair_count) filter (where true_intent = predicted_intent) over (partition by period_start, true_source), 0)::int
            as month_correct_count,
        (sum(pair_count) over (partition by period_start, true_source))::int as month_n,
        pair_count::double precision / sum(pair_count) over intents as pair_rate,
        {{ wilson_bound('pair_count', '(sum(pair_count) over intents)', '-') }} as ci_low,
        {{ wilson_bound('pair_count', '(sum(pair_count) over intents)', '+') }} as ci_high,
        (true_intent = predicted_intent) as is_correct,
        (sum(pair_count) over intents < {{ var('min_cell_n') }}) as is_below_min_n,
        period_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from pairs
    window intents as (partition by period_start, true_source, true_intent)

)

select * from final
