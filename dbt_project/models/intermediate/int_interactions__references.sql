{{ config(materialized='steady_view') }}
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

read as (

    select
        source,
        instance,
        interaction_id,
        record_type,
        record_id,
        used_from,
        used_to
    from {{ ref('int_sources__references') }}

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
