-- one row per customer or company of mapped tables that landed since core was last built, or that a row which landed spoke of before
{%- set kinds = [('contact', 'customers', 'customer_id', 'customer'), ('company', 'accounts', 'account_id', 'account')] %}
{%- for record_type, table, record_id, entity_type in kinds %}
    select
        landed.source,
        landed.instance,
        '{{ record_type }}' as record_type,
        landed.{{ record_id }} as record_id,
        '{{ entity_type }}' as entity_type,
        null::jsonb as facts
    from {{ ref('stg_sql__' ~ table) }} as landed
    where {{ is_pending('landed') }}

    union

    select
        former.source,
        former.instance,
        '{{ record_type }}' as record_type,
        former.{{ record_id }} as record_id,
        '{{ entity_type }}' as entity_type,
        null::jsonb as facts
    from {{ ref('stg_sql__' ~ table ~ '_history') }} as former
    where {{ is_pending('former', '_replaced_by_load_id') }}
    {%- if not loop.last %}

        union
    {%- endif %}
{% endfor %}
