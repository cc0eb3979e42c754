-- one row per case that this run works on and record that it reads, with the time for which it reads it
{%- set always = "'-infinity'::timestamptz as used_from, 'infinity'::timestamptz as used_to" %}
with

conversations as (

    select * from {{ ref('int_conversations__unioned') }}
    where source = 'salesforce'

),

messages as (

    select * from {{ ref('int_messages__unioned') }}
    where source = 'salesforce'

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
    'ticket_fields' as record_type,
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
    interaction_id,
    'user' as record_type,
    author_id as record_id,
    {{ always }}
from messages

union

select
    source,
    instance,
    interaction_id,
    'owner' as record_type,
    actor_id as record_id,
    min(sent_at) as used_from,
    max(sent_at) as used_to
from messages
where actor in ('human_agent', 'ai_agent')
group by source, instance, interaction_id, actor_id

union

select
    source,
    instance,
    case_id as interaction_id,
    'group' as record_type,
    new_value as record_id,
    {{ always }}
from {{ ref('int_salesforce__changes') }}
where field = 'Owner' and new_value like '00G%'
