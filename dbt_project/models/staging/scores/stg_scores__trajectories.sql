-- one row per row of trajectories of the reading that belongs to the active scorer
select scored.*
from {{ source('scores', 'trajectories') }} as scored
inner join {{ source('scores', 'scorer_registry') }} as registry
    on scored.reading_version = registry.reading_version
where registry.is_active
