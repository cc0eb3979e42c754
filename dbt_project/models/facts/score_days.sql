{{
    config(
        unique_key=['interaction_date', 'slice_type', 'slice_value', 'subject', 'measure_type', 'measure_id'],
        scope='affected_dates',
        scope_columns=['interaction_date'],
        indexes=[]
    )
}}
-- one row per ledger day, slice, judged side and measure: the sums that trends and scorecards are made of, so that a week or a
-- month reads its days and not its scores. Indicators are summed by agent only. Numeric sums are exact: the same scores in
-- another order, or day by day, give the same mean to the last digit.
with

dates as (

    select interaction_date from {{ ref('affected_dates') }}

),

-- the many scores meet the columns of their interactions once, and are not multiplied by their slices
measures as (

    select
        scores.interaction_date,
        scores.interaction_key,
        scores.subject,
        scores.agent_key,
        'total' as measure_type,
        'total' as measure_id,
        scores.total_score::numeric as score,
        scores.tier as score_tier,
        scores.is_critical_failure
    from {{ ref('fct_interaction_scores') }} as scores
    inner join dates on scores.interaction_date = dates.interaction_date
    where scores.total_score is not null

    union all

    select
        scores.interaction_date,
        scores.interaction_key,
        scores.subject,
        scores.agent_key,
        'dimension' as measure_type,
        scores.dimension_id as measure_id,
        scores.score::numeric as score,
        scores.tier as score_tier,
        false as is_critical_failure
    from {{ ref('fct_dimension_scores') }} as scores
    inner join dates on scores.interaction_date = dates.interaction_date
    where scores.score is not null

),

described as (

    select
        measures.interaction_date,
        measures.subject,
        measures.measure_type,
        measures.measure_id,
        measures.score,
        measures.score_tier,
        measures.is_critical_failure,
        measures.agent_key as agent,
        interactions.team,
        interactions.channel,
        interactions.topic,
        interactions.tier,
        interactions.language,
        case when measures.subject = 'ai_agent' then interactions.agent_version end as agent_version
    from measures
    inner join {{ ref('fct_interactions') }} as interactions on measures.interaction_key = interactions.interaction_key

),

sliced as (

    select
        interaction_date,
        subject,
        measure_type,
        measure_id,
        case
            when grouping(agent) = 0 then 'agent'
            when grouping(team) = 0 then 'team'
            when grouping(channel) = 0 then 'channel'
            when grouping(topic) = 0 then 'topic'
            when grouping(tier) = 0 then 'tier'
            when grouping(language) = 0 then 'language'
            when grouping(agent_version) = 0 then 'agent_version'
            else 'all'
        end as slice_type,
        coalesce(agent, team, channel, topic, tier, language, agent_version) as value_of_slice,
        count(*)::int as n,
        sum(score) as score_sum,
        sum(score * score) as score_square_sum,
        sum(score * score * score) as score_cube_sum,
        count(*) filter (where score_tier = 'excellent')::int as excellent_count,
        count(*) filter (where score_tier = 'acceptable')::int as acceptable_count,
        count(*) filter (where score_tier = 'needs_improvement')::int as needs_improvement_count,
        count(*) filter (where is_critical_failure)::int as critical_failure_count
    from described
    group by
        interaction_date, subject, measure_type, measure_id,
        grouping sets ((), (agent), (team), (channel), (topic), (tier), (language), (agent_version))

),

named as (

    select
        sliced.*,
        case when sliced.slice_type = 'all' then 'all' else sliced.value_of_slice end as slice_value
    from sliced

),

indicators as (

    select
        results.interaction_date,
        'agent' as slice_type,
        results.agent_key as slice_value,
        results.subject,
        'indicator' as measure_type,
        results.indicator_id as measure_id,
        count(*)::int as n,
        count(*) filter (where results.outcome = 'holds')::int as holds_count
    from {{ ref('fct_indicator_results') }} as results
    inner join dates on results.interaction_date = dates.interaction_date
    where results.agent_key is not null and results.outcome in ('holds', 'fails')
    group by results.interaction_date, results.agent_key, results.subject, results.indicator_id

),

final as (

    select
        interaction_date,
        slice_type,
        slice_value,
        subject,
        measure_type,
        measure_id,
        n,
        score_sum,
        score_square_sum,
        score_cube_sum,
        excellent_count,
        acceptable_count,
        needs_improvement_count,
        critical_failure_count
    from named
    where slice_value is not null

    union all

    -- an indicator that holds counts 100, one that fails 0
    select
        interaction_date,
        slice_type,
        slice_value,
        subject,
        measure_type,
        measure_id,
        n,
        holds_count * 100::numeric as score_sum,
        holds_count * 10000::numeric as score_square_sum,
        holds_count * 1000000::numeric as score_cube_sum,
        0 as excellent_count,
        0 as acceptable_count,
        0 as needs_improvement_count,
        0 as critical_failure_count
    from indicators

)

select * from final
