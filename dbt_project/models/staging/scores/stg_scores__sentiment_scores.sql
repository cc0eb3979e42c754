-- one row per customer message and judged side that an active model shows the sentiment of
select scored.*
from {{ source('scores', 'model_scores') }} as scored
inner join {{ source('scores', 'model_registry') }} as registry
    on
        scored.model_id = registry.model_id
        and scored.dimension_id = any(registry.shown_targets)
where
    registry.state = 'active'
    and scored.message_key <> ''
    and scored.dimension_id = 'sentiment'
    and scored.probability_low is not null
