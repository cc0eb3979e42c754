{# Condition that an interaction was a contact of its customer: it was not deleted, did not go into another one, and is no test. #}
{% macro is_contact(interaction) -%}
    coalesce({{ interaction }}.excluded_reason not in ('deleted', 'merged', 'spam_or_test'), true)
{%- endmacro %}

{# Moment at which a customer wrote, the beginning of its day where no time is known. #}
{% macro begun_at(interaction) -%}
    coalesce({{ interaction }}.started_at, {{ interaction }}.interaction_date::timestamp at time zone 'UTC')
{%- endmacro %}

{# Months since the year 0, of a date or a timestamp without zone: what is counted and compared in months needs no calendar. #}
{% macro month_number(day) -%}
    (date_part('year', {{ day }}) * 12 + date_part('month', {{ day }}) - 1)::int
{%- endmacro %}

{# First day of a month of month_number. #}
{% macro month_of_number(number) -%}
    make_date({{ number }} / 12, {{ number }} % 12 + 1, 1)
{%- endmacro %}

{# Number of the month before the one that the ledger day is in. #}
{% macro last_month_number() -%}
    ({{ month_number("(" ~ as_of() ~ " - interval '1 microsecond') at time zone 'UTC'") }} - 1)
{%- endmacro %}

{# Days from a day to the end of the next renewal month. A renewal falls on the last day of its month; it is none within the first days
   of an account, and one that was won up to renewal_days ahead is done. Null where no renewal month is known. #}
{% macro days_to_renewal(day, renewal_month, began_on, last_renewed_on) -%}
    {%- set from_day -%}
        greatest({{ day }}, {{ began_on }} + {{ var('onboarding_days') }}, {{ last_renewed_on }} + {{ var('renewal_days') + 1 }})
    {%- endset -%}
    (
        {{ month_of_number(
            "(date_part('year', " ~ from_day ~ ')::int * 12 + ' ~ renewal_month
            ~ ' + case when ' ~ renewal_month ~ " < date_part('month', " ~ from_day ~ ') then 12 else 0 end)'
        ) }} - 1 - {{ day }}
    )::int
{%- endmacro %}

{# Stage of an account's life on a day. #}
{% macro lifecycle_stage(is_churned, day, began_on, days_to_renewal) -%}
    case
        when {{ is_churned }} then 'churned'
        when {{ day }} < {{ began_on }} + {{ var('onboarding_days') }} then 'onboarding'
        when {{ days_to_renewal }} <= {{ var('renewal_days') }} then 'renewal'
        else 'active'
    end
{%- endmacro %}

{# A stated health as points from 0 to 100: a number as it is, a word by var health_scores, whichever way it is written (at_risk, At risk).
   Null for a number beyond, and for a word that the variable does not name. #}
{% macro health_score(stated) -%}
    {%- set word = "lower(btrim(regexp_replace(" ~ stated ~ ", '[_[:space:]-]+', ' ', 'g')))" -%}
    case
        when ops.try_cast_numeric({{ stated }}) between 0 and 100 then ops.try_cast_numeric({{ stated }})
        {%- for name, score in var('health_scores').items() %}
        when {{ word }} = '{{ name | lower | replace("'", "''") }}' then {{ score }}::numeric
        {%- endfor %}
    end
{%- endmacro %}
