-- one row per conversation of mapped tables that this run works on and record that it reads, with the time for which it reads it
with

conversations as (

    select * from {{ ref('int_conversations__unioned') }}
    where source = 'sql'

)

select
    source,
    instance,
    interaction_id,
    'contact' as record_type,
    customer_id as record_id,
    '-infinity'::timestamptz as used_from,
    'infinity'::timestamptz as used_to
from conversations

union

select
    source,
    instance,
    interaction_id,
    'company' as record_type,
    account_id as record_id,
    stated_started_at as used_from,
    stated_started_at as used_to
from conversations
