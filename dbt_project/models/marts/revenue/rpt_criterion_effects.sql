{{
    config(
        unique_key=['subject', 'indicator_id', 'kpi_id'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per judged side, criterion and figure: how the figure differs where the criterion failed; figures that it is meant to move
-- are marked
with

effects as (

    select * from {{ ref('stg_derived__criterion_effects') }}

),

targets as (

    select distinct
        indicator_id,
        kpi_id
    from {{ ref('bridge_criterion_kpi') }}

),

final as (

    select
        effects.subject,
        effects.indicator_id,
        effects.kpi_id,
        effects.dimension_id,
        indicators.title as indicator_title,
        kpis.title as kpi_title,
        case when effects.is_insufficient then 'insufficient' else 'association' end as evidence_type,
        effects.failed_n,
        effects.held_n,
        effects.failed_mean,
        effects.held_mean,
        effects.difference,
        effects.ci_low,
        effects.ci_high,
        effects.p_value,
        effects.q_value,
        (targets.kpi_id is not null) as is_target_kpi,
        kpis.is_higher_better,
        (least(effects.failed_n, effects.held_n) < {{ var('min_cell_n') }}) as is_below_min_n,
        effects.last_month,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from effects
    inner join {{ ref('kpis') }} as kpis on effects.kpi_id = kpis.kpi_id
    left join {{ ref('stg_scores__rubric_indicators') }} as indicators on effects.indicator_id = indicators.indicator_id
    left join targets
        on
            effects.indicator_id = targets.indicator_id
            and effects.kpi_id = targets.kpi_id

)

select * from final
