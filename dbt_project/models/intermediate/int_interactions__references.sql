-- one row per interaction that this run works on and record of another stream that it reads, with the time for which it reads it
{%- set always = "'-infinity'::timestamptz as used_from, 'infinity'::timestamptz as used_to" %}
with

conversations as (

    select
        *,
        {{ customer_key('conversations') }} as customer_key,
        {{ entity_key('account_id') }} as account_key
    from {{ ref('int_conversations__unioned') }} as conversations

),

messages as (

    select * from {{ ref('int_messages__unioned') }}

),

read as (

    select
        source,
        instance,
        interaction_id,
        case source when 'zendesk' then 'user' when 'hubspot' then 'contact' end as record_type,
        customer_id as record_id,
        {{ always }}
    from conversations
    where source in ('zendesk', 'hubspot')

    union

    select
        source,
        instance,
        interaction_id,
        'user' as record_type,
        author_id as record_id,
        {{ always }}
    from messages
    where source = 'zendesk'

    union

    select
        source,
        instance,
        ticket_id as interaction_id,
        'group' as record_type,
        value as record_id,
        {{ always }}
    from {{ ref('int_zendesk__changes') }}
    where field = 'group_id'

    union

    select
        source,
        instance,
        interaction_id,
        'ticket_fields' as record_type,
        '*' as record_id,
        {{ always }}
    from conversations
    where source = 'zendesk'

    union

    select
        source,
        instance,
        interaction_id,
        case source when 'zendesk' then 'organization' when 'hubspot' then 'company' end as record_type,
        account_id as record_id,
        stated_started_at as used_from,
        stated_started_at as used_to
    from conversations
    where source in ('zendesk', 'hubspot')

    union

    select
        source,
        instance,
        interaction_id,
        'owner' as record_type,
        author_id as record_id,
        min(sent_at) as used_from,
        max(sent_at) as used_to
    from messages
    where source = 'hubspot' and actor = 'human_agent'
    group by source, instance, interaction_id, author_id

    union

    select
        source,
        instance,
        interaction_id,
        'stage' as record_type,
        'tickets:' || {{ json_text('attributes', 'pipeline_id') }} || ':' || {{ json_text('attributes', 'stage_id') }}
            as record_id,
        {{ always }}
    from conversations
    where source = 'hubspot'

    union

    select
        source,
        instance,
        interaction_id,
        'person' as record_type,
        customer_key as record_id,
        {{ always }}
    from conversations

    union

    select
        source,
        instance,
        interaction_id,
        'account' as record_type,
        account_key as record_id,
        {{ always }}
    from conversations

)

select
    {{ entity_key('interaction_id') }} as interaction_key,
    source,
    instance,
    interaction_id,
    record_type,
    record_id,
    used_from,
    used_to
from read
where record_id is not null and used_from is not null
