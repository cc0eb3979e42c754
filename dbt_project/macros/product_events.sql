{# What the sources of product analytics have in common: each has stg_<source>__events and stg_<source>__events_history, whose columns
   the macros below name. person_id is whoever acted as the vendor knows them, external_id what the product calls that person. #}

{# Events in the shape that all sources share. `statements` are names by which the vendor tells who somebody is; nobody did them. #}
{% macro product_events_of(source, statements=()) -%}
    select
        {{ entity_key('events.event_id', 'events.source', 'events.instance') }} as event_key,
        {{ entity_key('events.person_id', 'events.source', 'events.instance') }} as customer_key,
        events.source,
        events.instance,
        events.event_id,
        events.event_name,
        events.properties,
        events.occurred_at,
        events.received_at,
        events._load_id
    from {{ ref('stg_' ~ source ~ '__events') }} as events
    {%- if statements %}
    where {{ is_action('events', statements) }}
    {%- endif %}
{%- endmacro %}

{# Statements of events that left or were replaced. #}
{% macro replaced_product_events_of(source, statements=()) -%}
    select
        {{ entity_key('events.person_id', 'events.source', 'events.instance') }} as customer_key,
        events.event_name,
        events.occurred_at,
        events._replaced_by_load_id
    from {{ ref('stg_' ~ source ~ '__events_history') }} as events
    {%- if statements %}
    where {{ is_action('events', statements) }}
    {%- endif %}
{%- endmacro %}

{# Events that are no longer stated when their period is read again, or no longer said to have happened when they were. #}
{% macro removed_product_events_of(source) -%}
    select
        {{ entity_key('gone.event_id', 'gone.source', 'gone.instance') }} as event_key,
        gone.occurred_at
    from {{ ref('stg_' ~ source ~ '__events_history') }} as gone
    left join {{ ref('stg_' ~ source ~ '__events') }} as present
        on
            gone.instance = present.instance
            and gone.event_id = present.event_id
            and gone.occurred_at = present.occurred_at
    where
        gone._replaced_by_load_id >= (select min(load_id) from {{ ref('pending_loads') }})
        and gone._replaced_by_load_id in (select load_id from {{ ref('pending_loads') }})
        and present.event_id is null
        and gone.occurred_at is not null
{%- endmacro %}

{# Claims of users of the product: what one event has said of a user stays said, so each claim is a record of its own, and one of a
   statement that was replaced before core was built of it is made, too. With `has_former_id`, an event also says that whoever was
   former_person_id is known to the product as external_id. #}
{% macro product_claims_of(source, has_former_id=false) -%}
    {%- set stated = [('events', is_pending('events')), ('events_history', was_pending('events'))] -%}
    select
        'customer' as entity_type,
        case when claims.rule = 'self' then people.entity_key else md5(people.entity_key || claims.rule || claims.value) end
            as record_key,
        people.entity_key,
        null as account_key,
        people.source,
        people.instance,
        claims.rule,
        claims.value
    from (
        {%- for relation, has_landed in stated %}
        select distinct
            events.source,
            events.instance,
            {{ entity_key('events.person_id', 'events.source', 'events.instance') }} as entity_key,
            events.email,
            events.external_id
        from {{ ref('stg_' ~ source ~ '__' ~ relation) }} as events
        where events.person_id is not null and {{ has_landed }}
        {%- if has_former_id %}

        union

        select distinct
            events.source,
            events.instance,
            {{ entity_key('events.former_person_id', 'events.source', 'events.instance') }} as entity_key,
            null as email,
            events.external_id
        from {{ ref('stg_' ~ source ~ '__' ~ relation) }} as events
        where events.former_person_id is not null and events.external_id is not null and {{ has_landed }}
        {%- endif %}
        {%- if not loop.last %}

        union

        {%- endif %}
        {%- endfor %}
    ) as people
    cross join
        lateral (
            values ('self', people.entity_key), ('email', lower(trim(people.email))), ('external_id', trim(people.external_id))
        ) as claims (rule, value)
{%- endmacro %}

{# Whether somebody did what an event tells. #}
{% macro is_action(events, statements) -%}
    {{ events }}.event_name not in ('{{ statements | join("', '") }}')
{%- endmacro %}
