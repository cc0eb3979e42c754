-- one row per transaction of a ticket: renamed and cast, nothing else. It names the ticket that it happened to, whatever that one
-- was merged into later.
{% set casts = {'Created': 'timestamptz'} %}

select
    'rt' as source,
    instance,
    id as transaction_id,
    interaction_id as ticket_id,
    {{ json_text('payload', 'Type') }} as transaction_type,
    {{ json_text('payload', 'Field') }} as field,
    nullif({{ json_text('payload', 'OldValue') }}, '') as old_value,
    nullif({{ json_text('payload', 'NewValue') }}, '') as new_value,
    {{ json_text("payload -> 'Creator'", 'id') }} as author_id,
    {{ try_cast('payload', 'id', 'bigint') }} as position,
    {{ rt_moment('payload', 'Created') }} as created_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_rt', 'transactions') }}
