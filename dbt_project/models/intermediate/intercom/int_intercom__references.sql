-- one row per conversation that this run works on and record that it reads, with the time for which it reads it
{%- set always = "'-infinity'::timestamptz as used_from, 'infinity'::timestamptz as used_to" %}
with

conversations as (

    select * from {{ ref('int_conversations__unioned') }}
    where source = 'intercom'

)

select
    source,
    instance,
    interaction_id,
    'contact' as record_type,
    customer_id as record_id,
    {{ always }}
from conversations

union

select
    source,
    instance,
    interaction_id,
    'settings' as record_type,
    '*' as record_id,
    {{ always }}
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

union

select
    source,
    instance,
    conversation_id as interaction_id,
    'team' as record_type,
    value as record_id,
    {{ always }}
from {{ ref('int_intercom__changes') }}
where field = 'team'
