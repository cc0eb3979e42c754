-- one row per row of trajectories of the active scorer
select scored.*
from {{ source('scores', 'trajectories') }} as scored
inner join {{ source('scores', 'scorer_registry') }} as registry
    on scored.scorer_version = registry.scorer_version
where registry.is_active
