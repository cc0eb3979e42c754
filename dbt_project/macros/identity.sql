{# One row per customer_key of a relation: the person behind it, and the organization of that person where its records agree on one. #}
{% macro people_of(customers) -%}
    select
        customers.customer_key,
        coalesce(own.canonical_key, customers.customer_key) as person_key,
        agreed.organization_key
    from {{ customers }} as customers
    -- a customer has a row for each record that speaks of it: each person is looked up once, not once per pair of them
    left join lateral (
        select min(evidence.canonical_key) as canonical_key
        from {{ ref('int_identity__evidence') }} as evidence
        where
            evidence.entity_key = customers.customer_key
            and evidence.entity_type = 'customer'
            and evidence.rule = 'self'
    ) as own on true
    left join lateral (
        select
            case
                when min(coalesce(organizations.canonical_key, members.account_key))
                    = max(coalesce(organizations.canonical_key, members.account_key))
                    then min(coalesce(organizations.canonical_key, members.account_key))
            end as organization_key
        from {{ ref('int_identity__evidence') }} as members
        left join {{ ref('int_identity__evidence') }} as organizations
            on
                members.account_key = organizations.entity_key
                and organizations.entity_type = 'account'
                and organizations.rule = 'self'
        where
            members.canonical_key = own.canonical_key
            and members.entity_type = 'customer'
            and members.rule = 'self'
    ) as agreed on true
{%- endmacro %}

{# What an interaction reads of a person. #}
{% macro person_facts(person) -%}
    concat_ws('|', {{ person }}.person_key, {{ person }}.organization_key)
{%- endmacro %}

{# What an interaction reads of a record between two moments; null where the record has not landed. #}
{% macro facts_between(source, instance, record_type, record_id, used_from, used_to) -%}
    (
        select string_agg(
            greatest(known.valid_from, {{ used_from }}) || ' ' || known.facts, e'\n' order by known.valid_from
        )
        from {{ ref('int_records__timeline') }} as known
        where
            known.source = {{ source }}
            and known.instance = {{ instance }}
            and known.record_type = {{ record_type }}
            and known.record_id = {{ record_id }}
            and known.valid_from <= {{ used_to }}
            and known.valid_to > {{ used_from }}
    )
{%- endmacro %}

{# A company's domain in the form in which two systems agree. #}
{% macro domain_of(text) -%}
    regexp_replace(lower(trim({{ text }})), '^(https?://)?(www\.)?([^/]*).*$', '\3')
{%- endmacro %}

{# The key of the customer that a conversation names. #}
{% macro customer_key(conversation) -%}
    {{ entity_key(
        "coalesce(" ~ conversation ~ ".customer_id, 'email:' || lower(" ~ conversation ~ ".customer_email))",
        conversation ~ '.source',
        conversation ~ '.instance'
    ) }}
{%- endmacro %}
