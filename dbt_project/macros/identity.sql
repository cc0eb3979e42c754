{# One row per customer_key of a relation: the person behind it, and the organization of that person where its records agree on one. #}
{% macro people_of(customers) -%}
    select
        customers.customer_key,
        min(coalesce(own.canonical_key, customers.customer_key)) as person_key,
        case
            when min(coalesce(organizations.canonical_key, members.account_key))
                = max(coalesce(organizations.canonical_key, members.account_key))
                then min(coalesce(organizations.canonical_key, members.account_key))
        end as organization_key
    from {{ customers }} as customers
    left join {{ ref('int_identity__evidence') }} as own
        on
            customers.customer_key = own.entity_key
            and own.entity_type = 'customer'
            and own.rule = 'self'
    left join {{ ref('int_identity__evidence') }} as members
        on
            own.canonical_key = members.canonical_key
            and members.entity_type = 'customer'
            and members.rule = 'self'
    left join {{ ref('int_identity__evidence') }} as organizations
        on
            members.account_key = organizations.entity_key
            and organizations.entity_type = 'account'
            and organizations.rule = 'self'
    group by customers.customer_key
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
