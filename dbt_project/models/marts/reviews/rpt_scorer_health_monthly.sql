{{
    config(
        unique_key=['period_start', 'subject', 'evaluator_version', 'dimension_id'],
        scope='affected_review_periods',
        scope_columns=['period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month, judged side, shown evaluator and dimension: how sure it was, how much of it people checked, how they agree
with

periods as (

    select
        period_start,
        (period_start + interval '1 month')::date as next_start
    from {{ ref('affected_review_periods') }}

),

totals as (

    select
        periods.period_start,
        totals.interaction_key,
        totals.subject,
        totals.scorer_version,
        totals.calibrator_version,
        totals.total_score,
        totals.calibrated_total_score,
        totals.confidence
    from {{ ref('fct_interaction_scores') }} as totals
    inner join periods
        on
            totals.interaction_date >= periods.period_start
            and totals.interaction_date < periods.next_start

),

scores as (

    select
        period_start,
        interaction_key,
        subject,
        case when calibrated_total_score is null then scorer_version else calibrator_version end as evaluator_version,
        'overall' as dimension_id,
        confidence
    from totals
    where total_score is not null

    union all

    select
        totals.period_start,
        totals.interaction_key,
        totals.subject,
        case
            when dimensions.calibrated_score is null then totals.scorer_version
            else dimensions.calibrator_version
        end as evaluator_version,
        dimensions.dimension_id,
        dimensions.confidence
    from totals
    inner join {{ ref('fct_dimension_scores') }} as dimensions
        on
            totals.interaction_key = dimensions.interaction_key
            and totals.subject = dimensions.subject
    where dimensions.score is not null

),

reviewed as (

    select distinct
        interaction_key,
        subject,
        dimension_id
    from {{ ref('stg_feedback__human_reviews') }}
    where message_key is null and indicator_id is null

),

counted as (

    select
        scores.period_start,
        scores.subject,
        scores.evaluator_version,
        scores.dimension_id,
        count(*)::int as scored_count,
        count(scores.confidence)::int as confidence_n,
        count(*) filter (where scores.confidence < {{ var('review_confidence') }})::int as uncertain_count,
        avg(scores.confidence::numeric)::double precision as mean_confidence,
        count(reviewed.interaction_key)::int as reviewed_count
    from scores
    left join reviewed
        on
            scores.interaction_key = reviewed.interaction_key
            and scores.subject = reviewed.subject
            and scores.dimension_id = reviewed.dimension_id
    group by scores.period_start, scores.subject, scores.evaluator_version, scores.dimension_id

),

-- of the judgements that were given in the month
agreement as (

    select
        measured.period_start,
        measured.subject,
        measured.evaluator_version,
        measured.dimension_id,
        max(measured.n) as agreement_n,
        max(measured.value) filter (where measured.figure_id = 'weighted_kappa') as weighted_kappa,
        max(measured.value) filter (where measured.figure_id = 'exact') as exact_rate,
        max(measured.value) filter (where measured.figure_id = 'mae') as mean_absolute_error,
        max(measured.value) filter (where measured.figure_id = 'bias') as bias
    from {{ ref('stg_derived__agreement') }} as measured
    inner join periods on measured.period_start = periods.period_start
    where measured.comparison = 'human_machine' and measured.segment_type = 'all'
    group by measured.period_start, measured.subject, measured.evaluator_version, measured.dimension_id

),

final as (

    select
        counted.period_start,
        counted.subject,
        counted.evaluator_version,
        counted.dimension_id,
        counted.scored_count,
        counted.confidence_n,
        counted.uncertain_count,
        counted.reviewed_count,
        coalesce(agreement.agreement_n, 0) as agreement_n,
        counted.uncertain_count::double precision / nullif(counted.confidence_n, 0) as uncertain_rate,
        counted.mean_confidence,
        counted.reviewed_count::double precision / counted.scored_count as reviewed_rate,
        agreement.weighted_kappa,
        agreement.exact_rate,
        agreement.mean_absolute_error,
        agreement.bias,
        (counted.reviewed_count < {{ var('review_share_floor') }} * counted.scored_count) as is_below_review_floor,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted
    left join agreement
        on
            counted.period_start = agreement.period_start
            and counted.subject = agreement.subject
            and counted.evaluator_version = agreement.evaluator_version
            and counted.dimension_id = agreement.dimension_id

)

select * from final
