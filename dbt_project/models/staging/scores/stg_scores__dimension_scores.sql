-- one row per row of dimension_scores of the active rubric and calibrator
select scored.*
from {{ source('scores', 'dimension_scores') }} as scored
inner join {{ source('scores', 'scorer_registry') }} as registry
    on
        scored.rubric_version = registry.rubric_version
        and scored.calibrator_version = registry.calibrator_version
where registry.is_active
