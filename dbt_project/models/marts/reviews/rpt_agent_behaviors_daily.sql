{{
    config(
        unique_key=['interaction_date', 'agent_key', 'subject', 'indicator_id'],
        scope='affected_dates',
        scope_columns=['interaction_date'],
        indexes=[
            {'columns': ['agent_key', 'interaction_date']},
            {'columns': ['agent_key', 'indicator_id']},
            {'columns': ['_ledger_id']}
        ]
    )
}}
-- one row per day, agent, judged side and behaviour that was due: how often it was shown, with its interval
with

results as (

    select results.*
    from {{ ref('fct_indicator_results') }} as results
    inner join {{ ref('affected_dates') }} as affected on results.interaction_date = affected.interaction_date
    where results.agent_key is not null and results.outcome in ('holds', 'fails')

),

counted as (

    select
        interaction_date,
        agent_key,
        subject,
        indicator_id,
        max(dimension_id) as dimension_id,
        count(*)::int as n,
        count(*) filter (where outcome = 'holds')::int as holds_count,
        count(*) filter (where outcome = 'fails')::int as fails_count
    from results
    group by interaction_date, agent_key, subject, indicator_id

),

final as (

    select
        interaction_date,
        agent_key,
        subject,
        indicator_id,
        dimension_id,
        n,
        holds_count,
        fails_count,
        holds_count::double precision / n as holds_rate,
        {{ wilson_bound('holds_count', 'n', '-') }} as ci_low,
        {{ wilson_bound('holds_count', 'n', '+') }} as ci_high,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted

)

select * from final
