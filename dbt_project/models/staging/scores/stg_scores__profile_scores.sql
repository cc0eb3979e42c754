-- one row per row of profile_scores of the active rubric
select scored.*
from {{ source('scores', 'profile_scores') }} as scored
inner join {{ source('scores', 'scorer_registry') }} as registry
    on scored.rubric_version = registry.rubric_version
where registry.is_active
