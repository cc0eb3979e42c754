-- one row per ticket that this run works on and record that it reads, with the time for which it reads it
{%- set always = "'-infinity'::timestamptz as used_from, 'infinity'::timestamptz as used_to" %}
with

conversations as (

    select * from {{ ref('int_conversations__unioned') }}
    where source = 'rt'

)

select
    source,
    instance,
    interaction_id,
    'user' as record_type,
    customer_id as record_id,
    {{ always }}
from conversations

union

select
    source,
    instance,
    interaction_id,
    'user' as record_type,
    author_id as record_id,
    {{ always }}
from {{ ref('int_messages__unioned') }}
where source = 'rt'

union

select
    source,
    instance,
    ticket_id as interaction_id,
    'queue' as record_type,
    value as record_id,
    {{ always }}
from {{ ref('int_rt__changes') }}
where field = 'queue'

union

select
    source,
    instance,
    interaction_id,
    'configuration' as record_type,
    '*' as record_id,
    {{ always }}
from conversations
