-- one row per score that an active model shows of a whole interaction; what was scored in observation alone is not here
select scored.*
from {{ source('scores', 'model_scores') }} as scored
inner join {{ source('scores', 'model_registry') }} as registry
    on
        scored.model_id = registry.model_id
        and scored.dimension_id = any(registry.shown_targets)
where registry.state = 'active' and scored.message_key = '' and scored.score is not null
