-- one row per row of message_scores of the active scorer
select scored.*
from {{ source('scores', 'message_scores') }} as scored
inner join {{ source('scores', 'scorer_registry') }} as registry
    on scored.scorer_version = registry.scorer_version
where registry.is_active
