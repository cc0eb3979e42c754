-- one row per field of the tickets of an instance: renamed and cast, nothing else
select
    'freshdesk' as source,
    instance,
    id as field_id,
    {{ json_text('payload', 'name') }} as field_key,
    trim(both '_' from regexp_replace(lower({{ json_text('payload', 'label') }}), '[^a-z0-9]+', '_', 'g')) as field_name,
    _load_id
from {{ source('raw_freshdesk', 'ticket_fields') }}
