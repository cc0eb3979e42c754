-- one row per ticket that this run works on and record that it reads, with the time for which it reads it
{{ uses('rt', 'user', 'customer_id') }}

union

{{ uses('rt', 'user', 'author_id', of='messages') }}

union

{{ uses('rt', 'user', 'value', of=ref('int_rt__changes'), interaction_id='ticket_id', where="field = 'owner'") }}

union

-- who made a ticket may be who asks
select
    created.source,
    created.instance,
    created.ticket_id as interaction_id,
    'user' as record_type,
    created.author_id as record_id,
    '-infinity'::timestamptz as used_from,
    'infinity'::timestamptz as used_to
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('stg_rt__transactions') }} as created
    on
        pending.source = created.source
        and pending.instance = created.instance
        and pending.interaction_id = created.ticket_id
where created.transaction_type = 'Create' and created.author_id is not null

union

{{ uses('rt', 'queue', 'value', of=ref('int_rt__changes'), interaction_id='ticket_id', where="field = 'queue'") }}

union

{{ uses('rt', 'configuration', "'*'") }}
