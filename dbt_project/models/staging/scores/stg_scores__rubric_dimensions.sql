-- one row per row of rubric_dimensions of the active rubric
select described.*
from {{ source('scores', 'rubric_dimensions') }} as described
inner join {{ source('scores', 'scorer_registry') }} as registry
    on described.rubric_version = registry.rubric_version
where registry.is_active
