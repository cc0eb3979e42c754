{# Money of an exact expression: rounded to the cent, halves away from zero. #}
{% macro cents(expression) -%}
    round(({{ expression }})::numeric, 2)::numeric(20, 2)
{%- endmacro %}

{# An amount that a record states, where it is in the currency of the warehouse or the record names none. Nothing is converted: one in
   another currency is not known, and never added to others. #}
{% macro own_currency(amount, currency) -%}
    case when upper(coalesce({{ currency }}, '{{ var("currency") }}')) = '{{ var("currency") }}' then {{ amount }} end
{%- endmacro %}

{# A price or time of one item, at six decimals: amounts are worked out from it as it is shown. #}
{% macro per_item(expression) -%}
    round(({{ expression }})::numeric, 6)::numeric(20, 6)
{%- endmacro %}

{# Condition that a version of an assumption holds in a month: on its first day. #}
{% macro holds_in(assumptions, month) -%}
    {{ assumptions }}.valid_from <= {{ month }} and coalesce({{ assumptions }}.valid_until > {{ month }}, true)
{%- endmacro %}

{# Per month of a relation the values of assumptions that apply to all, and all versions that hold, as one object: what a report shows
   beside its figures. A month before the first version has no value, and so no figure. #}
{% macro held_assumptions(months, names) -%}
    select
        months.month_start,
        {%- for name in names %}
            max(held.value) filter (where held.assumption = '{{ name }}' and held.applies_to = 'all') as {{ name }},
        {%- endfor %}
        coalesce(
            jsonb_object_agg(held.label, trim_scale(held.value)) filter (where held.label is not null), '{}'::jsonb
        ) as assumptions
    from {{ months }} as months
    left join {{ ref('fct_assumptions') }} as held
        on
            held.assumption in ({% for name in names %}'{{ name }}'{{ ", " if not loop.last }}{% endfor %})
            and {{ holds_in('held', 'months.month_start') }}
    group by months.month_start
{%- endmacro %}

{# Work of months with the hourly rate of the team that did it, else the one of all. #}
{% macro priced_work(work, held) -%}
    select
        {{ work }}.*,
        {{ work }}.human_handle_seconds * coalesce(rates.value, {{ held }}.human_hourly_rate) as labour,
        {{ work }}.recontact_handle_seconds * coalesce(rates.value, {{ held }}.human_hourly_rate) as recontact_labour
    from {{ work }}
    inner join {{ held }} on {{ work }}.work_month = {{ held }}.month_start
    left join {{ ref('fct_assumptions') }} as rates
        on
            rates.assumption = 'human_hourly_rate'
            and rates.applies_to = 'team:' || {{ work }}.team
            and {{ holds_in('rates', work ~ '.work_month') }}
{%- endmacro %}

{# What AI agents cost: episodes and answers at the prices of the contract; an answer whose source states its cost has that one. #}
{% macro ai_cost(counts, prices) -%}
    {{ cents(
        counts ~ '.ai_episode_count * ' ~ prices ~ '.ai_cost_per_episode'
        ~ ' + (' ~ counts ~ '.ai_answer_count - ' ~ counts ~ '.ai_stated_answer_count) * ' ~ prices ~ '.ai_cost_per_answer'
        ~ ' + case when ' ~ counts ~ '.ai_stated_cost_usd = 0 then 0'
        ~ ' else ' ~ counts ~ '.ai_stated_cost_usd * ' ~ prices ~ '.usd_exchange_rate end'
    ) }}
{%- endmacro %}

{# Condition that a month is over and its issues have had time to come back. #}
{% macro is_complete_month(month) -%}
    (({{ month }} + interval '1 month' + interval '{{ var("finance_settle_days") }} days') at time zone 'UTC' <= {{ as_of() }})
{%- endmacro %}
