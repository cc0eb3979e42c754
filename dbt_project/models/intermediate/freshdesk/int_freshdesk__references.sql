-- one row per ticket that this run works on and record that it reads, with the time for which it reads it
{%- set always = "'-infinity'::timestamptz as used_from, 'infinity'::timestamptz as used_to" %}
with

conversations as (

    select * from {{ ref('int_conversations__unioned') }}
    where source = 'freshdesk'

),

messages as (

    select * from {{ ref('int_messages__unioned') }}
    where source = 'freshdesk' and author_id is not null

),

rated as (

    select
        conversations.source,
        conversations.instance,
        conversations.interaction_id,
        ratings.survey_id
    from conversations
    inner join {{ ref('stg_freshdesk__satisfaction_ratings') }} as ratings
        on
            conversations.instance = ratings.instance
            and conversations.interaction_id = ratings.ticket_id

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
from messages

union

select
    source,
    instance,
    interaction_id,
    'staff' as record_type,
    author_id as record_id,
    min(sent_at) as used_from,
    max(sent_at) as used_to
from messages
group by source, instance, interaction_id, author_id

union

select
    source,
    instance,
    interaction_id,
    'survey' as record_type,
    survey_id as record_id,
    {{ always }}
from rated

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
