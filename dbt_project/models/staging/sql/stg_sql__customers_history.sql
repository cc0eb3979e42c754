-- one row per statement of a customer that a later one replaced: renamed and cast, nothing else
select
    'sql' as source,
    instance,
    id as row_id,
    interaction_id as customer_id,
    _load_id,
    replaced_by_load_id as _replaced_by_load_id
from {{ source('raw_sql', 'customers_history') }}
