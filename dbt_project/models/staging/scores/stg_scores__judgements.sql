-- one row per row of judgements of the indicator versions that the active rubric names
select
    scored.*,
    indicators.dimension_id,
    indicators.title as indicator_title,
    indicators.is_critical
from {{ source('scores', 'judgements') }} as scored
inner join {{ source('scores', 'rubric_indicators') }} as indicators
    on
        scored.indicator_id = indicators.indicator_id
        and scored.indicator_version = indicators.indicator_version
inner join {{ source('scores', 'scorer_registry') }} as registry
    on indicators.rubric_version = registry.rubric_version
where registry.is_active
