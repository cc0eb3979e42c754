{# The run's as_of as a literal. No SQL of this project calls now(): the same run gives the same rows on any day. #}
{% macro as_of() -%}
    {%- if execute and not var('as_of') -%}
        {{ exceptions.raise_compiler_error("The variable as_of is empty. Run dbt through `touchstone`, or pass --vars '{as_of: 2026-03-31T00:00:00Z}'.") }}
    {%- endif -%}
    '{{ var("as_of") or "1970-01-01T00:00:00Z" }}'::timestamptz
{%- endmacro %}

{# UTC calendar date of a moment. #}
{% macro utc_date(moment) -%}
    (({{ moment }}) at time zone 'UTC')::date
{%- endmacro %}

{# Minutes from one moment to a later one; null when either is unknown. #}
{% macro minutes_between(start_at, end_at) -%}
    (extract(epoch from ({{ end_at }} - {{ start_at }})) / 60.0)::double precision
{%- endmacro %}

{# Minutes of business time before a moment, counted from the first day of the calendar. `schedule` is an alias of the outer
   query with schedule_id and timezone: the day of the moment is worked out there, so that the calendar is read by its key. #}
{% macro business_minutes_until(schedule, moment) -%}
    (
        select
            calendar.minutes_before
            + greatest(0, least(
                extract(epoch from ({{ moment }} - calendar.opens_at)) / 60.0,
                calendar.open_minutes
            ))
        from {{ ref('business_calendar') }} as calendar
        where
            calendar.schedule_id = {{ schedule }}.schedule_id
            and calendar.calendar_date = ({{ moment }} at time zone {{ schedule }}.timezone)::date
    )
{%- endmacro %}

{# Minutes between two moments that fall into the opening hours of a schedule. #}
{% macro business_minutes_between(schedule, start_at, end_at) -%}
    ({{ business_minutes_until(schedule, end_at) }}
        - {{ business_minutes_until(schedule, start_at) }})::double precision
{%- endmacro %}
