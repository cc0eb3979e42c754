{{
    config(
        unique_key=['rubric_version', 'indicator_id', 'kpi_id', 'mapped_by'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per criterion of the active rubric and figure of the business that it is meant to move
with

indicators as (

    select * from {{ ref('stg_scores__rubric_indicators') }}

),

stated as (

    select
        indicators.rubric_version,
        indicators.indicator_id,
        indicators.dimension_id,
        -- what the rubric names and nothing measures is kept, and named so
        coalesce(kpis.kpi_id, 'not_measured') as kpi_id,
        'rubric' as mapped_by,
        dimensions.target_kpi as stated_kpi
    from indicators
    inner join {{ ref('dim_rubric_dimensions') }} as dimensions
        on
            indicators.rubric_version = dimensions.rubric_version
            and indicators.dimension_id = dimensions.dimension_id
    left join {{ ref('kpis') }} as kpis on lower(dimensions.target_kpi) = lower(kpis.rubric_name)

),

chosen as (

    select
        indicators.rubric_version,
        indicators.indicator_id,
        indicators.dimension_id,
        criterion_kpis.kpi_id,
        'seed' as mapped_by,
        criterion_kpis.reason as stated_kpi
    from {{ ref('criterion_kpis') }} as criterion_kpis
    inner join indicators
        on
            (criterion_kpis.criterion_type = 'indicator' and criterion_kpis.criterion_id = indicators.indicator_id)
            or (criterion_kpis.criterion_type = 'dimension' and criterion_kpis.criterion_id = indicators.dimension_id)

),

together as (

    select * from stated
    union all
    select * from chosen

),

final as (

    select
        rubric_version,
        indicator_id,
        kpi_id,
        mapped_by,
        min(dimension_id) as dimension_id,
        min(stated_kpi) as stated_kpi,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from together
    group by rubric_version, indicator_id, kpi_id, mapped_by

)

select * from final
