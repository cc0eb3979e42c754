-- one row per row of facet_scores of the active rubric
select scored.*
from {{ source('scores', 'facet_scores') }} as scored
inner join {{ source('scores', 'scorer_registry') }} as registry
    on scored.rubric_version = registry.rubric_version
where registry.is_active
