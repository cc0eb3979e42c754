-- one row per goal profile of the active rubric
select described.*
from {{ source('scores', 'rubric_profiles') }} as described
inner join {{ source('scores', 'scorer_registry') }} as registry
    on described.rubric_version = registry.rubric_version
where registry.is_active
