{# The sources that provide an entity, in the order of the variable source_entities. #}
{% macro sources_of(entity) -%}
    {%- set found = [] -%}
    {%- for source, entities in var('source_entities').items() -%}
        {%- if entity in entities -%}
            {%- do found.append(source) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# The models int_<source>__<entity> of all sources that provide an entity, one below the other, in the one shape that `columns`
   (name: type) gives. Each applies the scope of the run itself: a union is not asked by key. #}
{% macro union_of_sources(entity, columns) -%}
    {%- for source in sources_of(entity) %}
        select
            {%- for name, type in columns.items() %}
            {{ name }}::{{ type }} as {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        from {{ ref('int_' ~ source ~ '__' ~ entity) }}
        {%- if not loop.last %}
        union all
        {%- endif %}
    {%- else %}
        select
            {%- for name, type in columns.items() %}
            null::{{ type }} as {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        where false
    {%- endfor %}
{%- endmacro %}

{# A label of a source (topic, team, intent) as readers may see it. A field that people fill in can hold what a customer wrote: one with
   an address, a number as long as that of a card or a telephone, or a text is withheld. #}
{% macro label(stated) -%}
    case
        when length({{ stated }}) > {{ var('label_length') }} then 'withheld'
        when {{ stated }} ~ '[^[:space:]@]@[[:alnum:]-]+[.][[:alpha:]]|([0-9][ ()./-]{0,2}){9}' then 'withheld'
        else {{ stated }}
    end
{%- endmacro %}

{# Condition that a row is of a source that provides the entity. #}
{% macro is_of_source_with(entity, source='source') -%}
    {%- set found = sources_of(entity) -%}
    {% if found %}{{ source }} in ('{{ found | join("', '") }}'){% else %}false{% endif %}
{%- endmacro %}

{# The records of a source that the affected entities of a kind are known by, with the key of the entity. #}
{% macro affected_records(entity_type, record_type) -%}
    select distinct
        affected.{{ entity_type }}_key,
        known.instance,
        known.record_id
    from {{ ref('int_entities__affected') }} as affected
    inner join {{ ref('int_records__timeline') }} as known
        on
            affected.{{ entity_type }}_key = known.record_key
            and known.record_type = '{{ record_type }}'
{%- endmacro %}

{# One kind of record that conversations of a source read, as rows of int_<source>__references. `id` is the column of `of`
   (`conversations`, `messages` or a relation) that names the record; `time` says for when it is read: 'always', 'start' (of the
   conversation) or 'messages' (from the first to the last of them). #}
{% macro uses(source, record_type, id, of='conversations', time='always', interaction_id='interaction_id', where=none) -%}
    {%- set relation = {'conversations': ref('int_conversations__unioned'), 'messages': ref('int_messages__unioned')}.get(of, of) %}
    select
        source,
        instance,
        {{ interaction_id }} as interaction_id,
        '{{ record_type }}' as record_type,
        {{ id }} as record_id,
        {%- if time == 'always' %}
        '-infinity'::timestamptz as used_from,
        'infinity'::timestamptz as used_to
        {%- elif time == 'start' %}
        stated_started_at as used_from,
        stated_started_at as used_to
        {%- else %}
        min(sent_at) as used_from,
        max(sent_at) as used_to
        {%- endif %}
    from {{ relation }}
    where source = '{{ source }}' and {{ id }} is not null{% if where %} and {{ where }}{% endif %}
    {%- if time == 'messages' %}
    group by source, instance, {{ interaction_id }}, {{ id }}
    {%- endif %}
{%- endmacro %}

{# The records of a source that have landed since core was last built, as rows of int_<source>__records without conditions of their own.
   `kinds` lists (record_type, model that lands them, its column that names the record, entity_type or none). #}
{% macro landed_records(kinds) -%}
    {%- for record_type, relation, record_id, entity_type in kinds %}
    select
        landed.source,
        landed.instance,
        '{{ record_type }}' as record_type,
        landed.{{ record_id }} as record_id,
        {% if entity_type %}'{{ entity_type }}'{% else %}null{% endif %} as entity_type,
        null::jsonb as facts
    from {{ ref(relation) }} as landed
    where {{ is_pending('landed') }}
        {%- if not loop.last %}

    union all
        {%- endif %}
    {%- endfor %}
{%- endmacro %}

{# What the changed records of one kind are known by, as rows of int_<source>__claims.
     relation      model that states the records, called `records` here
     id            its column that names the record
     claims        (rule, value) or (rule, value, from), the last for values of a set: "unnest(...) as addresses (address)"
     account_id    the column that names the account of a customer
     joins, where  what else decides #}
{% macro claims_of(source, record_type, entity_type, relation, id, claims, account_id=none, joins='', where=none) -%}
    {%- set key = entity_key('records.' ~ id, 'records.source', 'records.instance') %}
    select
        '{{ entity_type }}' as entity_type,
        {{ key }} as record_key,
        {{ key }} as entity_key,
        {% if account_id %}{{ entity_key('records.' ~ account_id, 'records.source', 'records.instance') }}{% else %}null{% endif %} as account_key,
        records.source,
        records.instance,
        claims.rule,
        claims.value
    from {{ ref('int_records__changed') }} as changed
    inner join {{ ref(relation) }} as records
        on
            changed.source = records.source
            and changed.instance = records.instance
            and changed.record_id = records.{{ id }}
    {{ joins }}
    cross join
        lateral (
            select
                'self' as rule,
                {{ key }} as value
            {%- for claim in claims %}
            union all
            select
                '{{ claim[0] }}' as rule,
                {{ claim[1] }} as value
            {%- if claim | length > 2 %}
            from {{ claim[2] }}
            {%- endif %}
            {%- endfor %}
        ) as claims
    where changed.source = '{{ source }}' and changed.record_type = '{{ record_type }}'{% if where %} and {{ where }}{% endif %}
{%- endmacro %}

{# What the changed records of one kind say, as rows of int_<source>__record_facts.
     relation      model that states the records, called `records` here
     id            its column (or expression) that names the record; none for what holds for an instance, the record '*'
     facts         the object of facts
     history       model of what the records said before; they are dated by updated_at then
     load_id       0 for what no load brings (configuration)
     joins, where  what else decides #}
{% macro facts_of(source, record_type, relation, id, facts, history=none, load_id='records._load_id', joins='', where=none) -%}
    {%- for stated in [relation, history] if stated %}
    select
        records.source,
        records.instance,
        '{{ record_type }}' as record_type,
        changed.record_id,
        {{ facts }} as facts,
        {{ 'records.updated_at' if history else 'null::timestamptz' }} as observed_at,
        {{ load_id }}::bigint as _load_id
    from {{ ref('int_records__changed') }} as changed
    inner join {{ ref(stated) }} as records
        on
            changed.source = records.source
            and changed.instance = records.instance
            and changed.record_id = {{ ('records.' ~ id if '.' not in id else id) if id else "'*'" }}
    {{ joins }}
    where changed.source = '{{ source }}' and changed.record_type = '{{ record_type }}'{% if where %} and {{ where }}{% endif %}
        {%- if not loop.last %}

    union all
        {%- endif %}
    {%- endfor %}
{%- endmacro %}
