-- one row per ticket that this run works on and record that it reads, with the time for which it reads it
{%- set always = "'-infinity'::timestamptz as used_from, 'infinity'::timestamptz as used_to" %}
with

conversations as (

    select * from {{ ref('int_conversations__unioned') }}
    where source = 'hubspot'

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
    'owner' as record_type,
    author_id as record_id,
    min(sent_at) as used_from,
    max(sent_at) as used_to
from {{ ref('int_messages__unioned') }}
where source = 'hubspot' and actor = 'human_agent'
group by source, instance, interaction_id, author_id

union

select
    source,
    instance,
    interaction_id,
    'stage' as record_type,
    'tickets:' || {{ json_text('attributes', 'pipeline_id') }} || ':' || {{ json_text('attributes', 'stage_id') }} as record_id,
    {{ always }}
from conversations
