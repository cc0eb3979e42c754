{{ config(unique_key=['schedule_id', 'calendar_date']) }}
-- one row per schedule and local calendar date: its opening hours and the business minutes of all days before it
{% set first_date = '2000-01-01' %}
with

schedules as (

    select * from {{ ref('business_schedules') }}

),

hours as (

    select * from {{ ref('business_hours') }}

),

holidays as (

    select * from {{ ref('business_holidays') }}

),

dates as (

    select generate_series('{{ first_date }}'::date, {{ utc_date(as_of()) }} + 400, interval '1 day')::date as calendar_date

),

opened as (

    select
        schedules.schedule_id,
        schedules.timezone,
        dates.calendar_date,
        (case
            when holidays.holiday_date is null then (dates.calendar_date + hours.opens::interval) at time zone schedules.timezone
        end) as opens_at,
        (case
            when holidays.holiday_date is null then (dates.calendar_date + hours.closes::interval) at time zone schedules.timezone
        end) as closes_at
    from schedules
    cross join dates
    left join hours
        on
            schedules.schedule_id = hours.schedule_id
            and hours.iso_weekday = extract(isodow from dates.calendar_date)
    left join holidays
        on
            schedules.schedule_id = holidays.schedule_id
            and dates.calendar_date = holidays.holiday_date

),

measured as (

    select
        schedule_id,
        timezone,
        calendar_date,
        coalesce(opens_at, calendar_date::timestamp at time zone timezone) as opens_at,
        coalesce(closes_at, calendar_date::timestamp at time zone timezone) as closes_at,
        coalesce(extract(epoch from (closes_at - opens_at)) / 60.0, 0)::double precision as open_minutes
    from opened

),

final as (

    select
        schedule_id,
        timezone,
        calendar_date,
        open_minutes,
        coalesce(sum(open_minutes) over (
            partition by schedule_id order by calendar_date rows between unbounded preceding and 1 preceding
        ), 0) as minutes_before,
        opens_at,
        closes_at
    from measured

)

select * from final
