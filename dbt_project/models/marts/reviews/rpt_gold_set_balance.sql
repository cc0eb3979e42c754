{{ config(unique_key=['subject', 'stratum_type', 'stratum_value'], is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per judged side and value of a stratum: its share of the interactions that people judged, and of all recent ones
with

scores as (

    select * from {{ ref('stg_scores__interaction_scores') }}

),

gold as (

    select distinct
        interaction_key,
        subject
    from {{ ref('stg_feedback__human_reviews') }}
    where message_key is null

),

sides as (

    select
        scores.interaction_key,
        scores.subject,
        interactions.topic,
        interactions.channel,
        {{ json_text('to_jsonb(scores)', 'complexity') }} as complexity,
        case
            when interactions.handled_by in ('ai_then_human', 'human_then_ai') then 'handed_over'
            when interactions.solved_at is not null then 'solved'
            else 'unsolved'
        end as outcome,
        (gold.interaction_key is not null) as is_gold,
        (interactions.interaction_date > {{ utc_date(as_of()) }} - {{ var('gold_population_days') }}) as is_recent
    from {{ ref('interactions') }} as interactions
    inner join scores
        on
            interactions.started_at = scores.interaction_started_at
            and interactions.interaction_key = scores.interaction_key
            and interactions.input_hash = scores.input_hash
    left join gold
        on
            scores.interaction_key = gold.interaction_key
            and scores.subject = gold.subject
    where
        interactions.is_eligible
        and (
            gold.interaction_key is not null
            or interactions.interaction_date > {{ utc_date(as_of()) }} - {{ var('gold_population_days') }}
        )

),

counted as (

    select
        sides.subject,
        strata.stratum_type,
        coalesce(strata.stratum_value, 'unknown') as stratum_value,
        count(*) filter (where sides.is_gold)::int as gold_count,
        count(*) filter (where sides.is_recent)::int as population_count
    from sides
    cross join
        lateral (
            values
            ('topic', sides.topic),
            ('channel', sides.channel),
            ('complexity', sides.complexity),
            ('outcome', sides.outcome)
        ) as strata (stratum_type, stratum_value)
    group by sides.subject, strata.stratum_type, coalesce(strata.stratum_value, 'unknown')

),

final as (

    select
        subject,
        stratum_type,
        stratum_value,
        gold_count,
        (sum(gold_count) over strata)::int as gold_n,
        population_count,
        (sum(population_count) over strata)::int as population_n,
        gold_count::double precision / nullif(sum(gold_count) over strata, 0) as gold_share,
        population_count::double precision / nullif(sum(population_count) over strata, 0) as population_share,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted
    window strata as (partition by subject, stratum_type)

)

select * from final
