-- one row per redacted message
select
    message_key,
    interaction_key,
    text,
    redactor_version,
    pii
from {{ source('clean', 'messages') }}
