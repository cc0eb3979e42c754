-- one row per interaction and content whose question the active model of intents has read
select scored.*
from {{ source('scores', 'intents') }} as scored
inner join {{ source('scores', 'intent_models') }} as models on scored.model_version = models.model_version
where models.state = 'active'
