-- one row per row that speaks of a customer, of whom several may speak: renamed and cast, nothing else
select
    'sql' as source,
    instance,
    id as row_id,
    interaction_id as customer_id,
    {{ json_text('payload', 'customer_email') }} as customer_email,
    {{ json_text('payload', 'external_id') }} as external_id,
    {{ json_text('payload', 'account_id') }} as account_id,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    _load_id
from {{ source('raw_sql', 'customers') }}
