{{
    config(
        unique_key=['period_type', 'period_start'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[]
    )
}}
-- one row per month: the median times to the first reply and to the solution, each with its n and interval. A median of a month does not
-- follow from those of its days
{%- set times = {'first_response': 'first_response_minutes', 'resolution': 'resolution_minutes'} %}
with

periods as (

    select * from {{ ref('affected_periods') }}
    where period_type = 'month'

),

handled as (

    select
        periods.period_type,
        periods.period_start,
        facts.first_response_minutes,
        facts.resolution_minutes
    from periods
    inner join {{ ref('fct_interactions') }} as facts
        on facts.interaction_date between periods.period_start and periods.period_end
    where facts.handled_by <> 'unhandled'

),

counted as (

    select
        period_type,
        period_start,
        count(first_response_minutes) as first_response_n,
        count(resolution_minutes) as resolution_n
    from handled
    group by period_type, period_start

),

-- the ranks between which the true median lies in 95 of 100 months, whatever the times are distributed like
ranked as (

    select
        *,
        {%- for name in times %}
            {{ var('z_95') }} / (2 * sqrt(nullif({{ name }}_n, 0))) as {{ name }}_reach{{ "," if not loop.last }}
        {%- endfor %}
    from counted

),

final as (

    select
        handled.period_type,
        handled.period_start
        {%- for name, minutes in times.items() %},
            ranked.{{ name }}_n::bigint as {{ name }}_n,
            percentile_cont(0.5) within group (order by handled.{{ minutes }}) as {{ name }}_median_minutes,
            percentile_cont(greatest(0, 0.5 - ranked.{{ name }}_reach)) within group (order by handled.{{ minutes }}) as {{ name }}_ci_low,
            percentile_cont(least(1, 0.5 + ranked.{{ name }}_reach)) within group (order by handled.{{ minutes }}) as {{ name }}_ci_high
        {%- endfor %},
        {{ var('ledger_id') }}::bigint as _ledger_id
    from handled
    inner join ranked
        on
            handled.period_type = ranked.period_type
            and handled.period_start = ranked.period_start
    group by
        handled.period_type, handled.period_start, ranked.first_response_n, ranked.first_response_reach, ranked.resolution_n,
        ranked.resolution_reach

)

select * from final
