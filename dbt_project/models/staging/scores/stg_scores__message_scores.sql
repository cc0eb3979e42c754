-- one row per row of message_scores of the reading that belongs to the active scorer
select scored.*
from {{ source('scores', 'message_scores') }} as scored
inner join {{ source('scores', 'scorer_registry') }} as registry
    on scored.reading_version = registry.reading_version
where registry.is_active
