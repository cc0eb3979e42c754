{{
    config(
        unique_key=['period_type', 'period_start', 'true_source', 'true_intent', 'predicted_intent'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month, source of the truth, true intent and intent that our model predicted: how many interactions, right or confused
with

pairs as (

    select
        periods.period_type,
        periods.period_start,
        intents.true_source,
        intents.true_intent,
        intents.predicted_intent,
        max(intents.model_version) as model_version,
        count(*)::int as pair_count,
        count(*) filter (where intents.is_novel)::int as novel_count
    from {{ ref('affected_periods') }} as periods
    inner join {{ ref('fct_interaction_intents') }} as intents
        on intents.interaction_date between periods.period_start and periods.period_end
    where
        periods.period_type = 'month'
        and intents.is_known_intent
        and not intents.is_abstained
    group by
        periods.period_type, periods.period_start, intents.true_source, intents.true_intent, intents.predicted_intent

),

final as (

    select
        period_type,
        true_source,
        true_intent,
        predicted_intent,
        model_version,
        pair_count,
        novel_count,
        (sum(pair_count) over intents)::int as n,
        coalesce(sum(pair_count) filter (where true_intent = predicted_intent) over months, 0)::int as month_correct_count,
        (sum(pair_count) over months)::int as month_n,
        pair_count::double precision / sum(pair_count) over intents as pair_rate,
        {{ wilson_bound('pair_count', '(sum(pair_count) over intents)', '-') }} as ci_low,
        {{ wilson_bound('pair_count', '(sum(pair_count) over intents)', '+') }} as ci_high,
        (true_intent = predicted_intent) as is_correct,
        (sum(pair_count) over intents < {{ var('min_cell_n') }}) as is_below_min_n,
        period_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from pairs
    window
        intents as (partition by period_start, true_source, true_intent),
        months as (partition by period_start, true_source)

)

select * from final
