{{
    config(
        unique_key=['period_start', 'evaluator_version', 'subject', 'dimension_id'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month of judgement, scorer, judged side and dimension: how far it is from people, and whether the scorer or the
-- criterion wants work
with

agreement as (

    select * from {{ ref('stg_derived__agreement') }}
    where segment_type = 'all'

),

people as (

    select
        period_start,
        subject,
        dimension_id,
        max(n) as n,
        max(value) as kappa
    from agreement
    where comparison = 'human_human' and figure_id in ('weighted_kappa', 'kappa') and value is not null
    group by period_start, subject, dimension_id

),

machines as (

    select
        period_start,
        evaluator_version,
        subject,
        dimension_id,
        max(evaluator_type) as evaluator_type,
        max(evaluator_state) as evaluator_state,
        max(n) as n,
        max(value) filter (where figure_id = 'bias') as bias,
        max(ci_low) filter (where figure_id = 'bias') as bias_ci_low,
        max(ci_high) filter (where figure_id = 'bias') as bias_ci_high,
        max(value) filter (where figure_id = 'mae') as mean_absolute_error,
        max(value) filter (where figure_id = 'far_apart') as far_apart_rate
    from agreement
    where comparison = 'human_machine'
    group by period_start, evaluator_version, subject, dimension_id
    having bool_or(figure_id = 'bias')

),

-- people are compared now and then: the last figure up to the month counts
compared as (

    select
        machines.*,
        people.period_start as human_period_start,
        people.n as human_n,
        people.kappa as human_kappa
    from machines
    left join
        lateral (
            select people.* from people
            where
                people.subject = machines.subject
                and people.dimension_id = machines.dimension_id
                and people.period_start <= machines.period_start
            order by people.period_start desc
            limit 1
        ) as people
        on true

),

final as (

    select
        period_start,
        evaluator_version,
        subject,
        dimension_id,
        evaluator_type,
        evaluator_state,
        case
            when human_kappa < {{ var('ambiguous_kappa') }} then 'clarify_criteria'
            when
                abs(bias) > {{ var('discrepancy_bias') }}
                or far_apart_rate > {{ var('discrepancy_share') }} then 'recalibrate'
            else 'none'
        end as cause,
        n,
        human_n,
        bias,
        bias_ci_low,
        bias_ci_high,
        mean_absolute_error,
        far_apart_rate,
        human_kappa,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        human_period_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from compared

)

select * from final
