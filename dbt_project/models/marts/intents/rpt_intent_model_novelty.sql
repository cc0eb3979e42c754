{{
    config(
        unique_key=['period_type', 'period_start', 'true_source'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month and source of the truth: new intents that our model missed, and known ones that it took for new
with

counted as (

    select
        periods.period_type,
        periods.period_start,
        intents.true_source,
        max(intents.model_version) as model_version,
        count(*) filter (where intents.is_known_intent)::int as known_n,
        count(*) filter (where intents.is_known_intent and intents.is_novel)::int as false_novel_count,
        count(*) filter (where not intents.is_known_intent)::int as new_n,
        count(*) filter (where not intents.is_known_intent and not intents.is_novel)::int as missed_count
    from {{ ref('affected_periods') }} as periods
    inner join {{ ref('fct_interaction_intents') }} as intents
        on intents.interaction_date between periods.period_start and periods.period_end
    where
        periods.period_type = 'month'
        and intents.true_source is not null
        and not intents.is_abstained
    group by periods.period_type, periods.period_start, intents.true_source

),

final as (

    select
        counted.period_type,
        counted.true_source,
        counted.model_version,
        counted.new_n,
        counted.missed_count,
        counted.known_n,
        counted.false_novel_count,
        counted.missed_count::double precision / nullif(counted.new_n, 0) as miss_rate,
        {{ wilson_bound('counted.missed_count', 'counted.new_n', '-') }} as miss_ci_low,
        {{ wilson_bound('counted.missed_count', 'counted.new_n', '+') }} as miss_ci_high,
        counted.false_novel_count::double precision / nullif(counted.known_n, 0) as false_novel_rate,
        {{ wilson_bound('counted.false_novel_count', 'counted.known_n', '-') }} as false_novel_ci_low,
        {{ wilson_bound('counted.false_novel_count', 'counted.known_n', '+') }} as false_novel_ci_high,
        (models.report -> 'novelty' ->> 'wished_false_novel_rate')::double precision as wished_false_novel_rate,
        (counted.new_n < {{ var('min_cell_n') }}) as is_miss_rate_below_min_n,
        (counted.known_n < {{ var('min_cell_n') }}) as is_false_novel_rate_below_min_n,
        counted.period_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted
    inner join {{ ref('stg_scores__intent_models') }} as models on counted.model_version = models.model_version

)

select * from final
