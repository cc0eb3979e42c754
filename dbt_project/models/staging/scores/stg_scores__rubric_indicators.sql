-- one row per row of rubric_indicators of the active rubric
select described.*
from {{ source('scores', 'rubric_indicators') }} as described
inner join {{ source('scores', 'scorer_registry') }} as registry
    on described.rubric_version = registry.rubric_version
where registry.is_active
