-- one row per part of a message that was read: renamed and cast, nothing else. A frame has no text, and tells which way it came.
select
    'rt' as source,
    instance,
    id as attachment_id,
    interaction_id as ticket_id,
    {{ json_text('payload', 'TransactionId') }} as transaction_id,
    {{ json_text('payload', 'Interface') }} as interface,
    case
        when {{ json_text('payload', 'ContentType') }} ilike 'text/html'
            then ops.rt_text_of_html({{ json_text('payload', 'Content') }})
        else {{ json_text('payload', 'Content') }}
    end as text,
    {{ try_cast('payload', 'id', 'bigint') }} as position,
    _load_id,
    _loaded_at
from {{ source('raw_rt', 'attachments') }}
