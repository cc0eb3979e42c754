-- one row per field of the tickets of an instance: renamed and cast, nothing else
select
    'zendesk' as source,
    instance,
    id as field_id,
    trim(both '_' from regexp_replace(lower({{ json_text('payload', 'title') }}), '[^a-z0-9]+', '_', 'g')) as field_name,
    _load_id
from {{ source('raw_zendesk', 'ticket_fields') }}
