-- one row per row of interaction_scores of the active scorer
select scored.*
from {{ source('scores', 'interaction_scores') }} as scored
inner join {{ source('scores', 'scorer_registry') }} as registry
    on scored.scorer_version = registry.scorer_version
where registry.is_active
