-- one row per registered model of intents, without the model itself
select
    model_version,
    state,
    intents,
    vectors,
    taxonomy_version,
    data_hash,
    fitted_count,
    report,
    registered_as_of,
    activated_as_of,
    retired_as_of
from {{ source('scores', 'intent_models') }}
